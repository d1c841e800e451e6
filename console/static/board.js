// The board: reads the picture once, then follows the feed; a reset or a lost line reads it again.
import { AlarmDialog } from "./alarmdialog.js";
import { Alarms } from "./alarms.js";
import { showHazards } from "./hazards.js";
import { Live } from "./live.js";
import { showLoad } from "./load.js";
import { showTiles } from "./tiles.js";
import { Watch } from "./watch.js";
import { t } from "./words.js";

const $ = (id) => document.getElementById(id);
const live = new Live();
const state = { hazards: new Map(), kpis: [], hazardTotal: 0 };
const alarms = new Alarms(live, (delay) => refill(delay));
const watch = new Watch(live);
const dialog = new AlarmDialog(live);
let reading = 0;
let retry = 2;

async function read(asked = false) {
  const mine = ++reading;
  const query = new URLSearchParams({
    sort: $("sort").value, state: $("filter-state").value, priority: $("filter-priority").value, text: $("filter-text").value.trim(),
  });
  try {
    const answer = await fetch(`/api/board?${query}`);
    if (!answer.ok) throw new Error(`HTTP ${answer.status}`);
    const board = await answer.json();
    if (mine !== reading) return;
    retry = 2;
    live.take(board.pulse);
    state.hazards = new Map(board.hazards.map((row) => [row.id, row]));
    state.kpis = board.kpis;
    $("simulated").hidden = !board.simulated;
    alarms.replace(board.alarms, board.matching, asked);
    watch.replace(board.noted);
    dialog.change(board.alarms, []);
    loaded(board.load);
    show(board.pulse);
    live.follow(board.id, { changes, pulse: show, load: loaded, reset: () => read() });
  } catch (error) {
    if (mine !== reading) return;
    live.broken = true;
    alarms.failed(t("alarms.error", { reason: error.message, s: retry }));
    setTimeout(() => read(asked), retry * 1000);
    retry = Math.min(30, retry * 2);
  }
}

function changes(message) {
  for (const row of message.hazards) state.hazards.set(row.id, row);
  if (message.kpis) state.kpis = message.kpis;
  if ("simulated" in message) $("simulated").hidden = !message.simulated;
  if (message.renamed) refill(1500);
  watch.change(message.alarms, message.gone);
  dialog.change(message.alarms, message.gone);
  alarms.change(message.alarms, message.gone);
  show(message.pulse);
}

function loaded(load) {
  watch.load = load;
  showLoad(load);
  watch.show();
}

function show(pulse) {
  const counts = pulse.counts;
  showTiles($("tiles"), counts, state.kpis);
  alarms.counted(counts, pulse);
  watch.show();
  for (const [id, row] of state.hazards) if (!row.open) state.hazards.delete(id);
  showHazards([...state.hazards.values()], counts.hazards, live.now());
}

let waiting = null;
function refill(delay = 0, asked = false) {
  clearTimeout(waiting);
  waiting = setTimeout(() => read(asked), delay);
}

const params = new URLSearchParams(location.search);
for (const [id, name] of [["sort", "sort"], ["filter-state", "state"], ["filter-priority", "priority"], ["filter-text", "text"]]) {
  if (params.has(name)) $(id).value = params.get(name);
  $(id).addEventListener("input", () => refill(id === "filter-text" ? 300 : 0, true));
}
document.getElementById("load").addEventListener("click", (event) => {
  const tab = event.target.closest("[data-tab]")?.dataset.tab;
  if (tab) watch.choose(tab, true);
});
// The hazard list's deadlines pass while nothing happens.
setInterval(() => live.pulse && show(live.pulse), 30_000);
read();
