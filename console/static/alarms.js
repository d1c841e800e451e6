// The alarm table. Rows never jump under the pointer: while it is over them, changes wait and are counted.
import { ask, commandId } from "./act.js";
import { alarmText, clock, el, number, region, symbol, time } from "./format.js";
import { toast } from "./toast.js";
import { overrideText } from "./watch.js";
import { lang, named, t } from "./words.js";

const CAP = 500;
const UNACK = new Set(["unacknowledged", "returned_unacknowledged"]);
const $ = (id) => document.getElementById(id);

export class Alarms {
  constructor(live, refill) {
    this.live = live;
    this.refill = refill;
    this.rows = new Map();
    this.lines = new Map(); // id -> <tr> on screen
    this.asked = new Map(); // id -> {command, version, timer, text, bad}
    this.total = 0;
    this.body = document.querySelector("#alarms tbody");
    $("hold").addEventListener("pointerleave", () => this.draw());
    this.body.addEventListener("click", (event) => this.clicked(event));
    $("held").addEventListener("click", () => this.draw(true));
  }

  get held() {
    return $("hold").matches(":hover") && this.lines.size > 0;
  }

  // `asked`: a person changed filter or order, so the rows may move at once
  replace(rows, total, asked) {
    this.rows = new Map(rows.map((row) => [row.id, row]));
    this.total = total;
    this.loaded = true;
    this.draw(asked);
  }

  change(rows, gone) {
    for (const row of rows) {
      this.answered(row.id, row.version);
      if (!this.wanted(row)) {
        this.rows.delete(row.id);
        continue;
      }
      if (row.priority === "P1" && row.state === "unacknowledged" && !this.rows.has(row.id))
        $("say").textContent = t("alarms.new_p1", { what: alarmText(row), site: named(row.site, row.site_en) });
      this.rows.set(row.id, row);
    }
    for (const { id, version } of gone) {
      this.rows.delete(id);
      this.answered(id, version);
    }
    this.draw();
  }

  wanted(row) {
    const text = $("filter-text").value.trim().toLowerCase();
    const state = $("filter-state").value;
    return (
      (!$("filter-priority").value || row.priority === $("filter-priority").value) &&
      (state === "" || row.overrides.length === 0) && // what is kept from the operator stands in the panel beside
      (state !== "unack" || UNACK.has(row.state)) &&
      (!text || [row.site, row.site_en, row.site_id, row.sensor, row.sensor_id, row.place, row.region].some((part) => part?.toLowerCase().includes(text)))
    );
  }

  get filtered() {
    return Boolean($("filter-text").value.trim() || $("filter-priority").value || $("filter-state").value !== "annunciated");
  }

  counted(counts, pulse) {
    $("alarms-n").textContent = String(counts.annunciated);
    if (!this.filtered) this.total = counts.annunciated;
    this.pulse = pulse;
    this.noted(counts);
    // rows beyond the cap were never sent: when those in hand have gone, ask for the next ones
    if (this.loaded && this.rows.size < Math.min(this.total, CAP) && !this.filtered) this.refill(2000);
  }

  noted(counts) {
    const note = $("alarms-note");
    const more = this.total - Math.min(this.rows.size, CAP);
    note.className = "note";
    note.hidden = this.rows.size > 0 && more <= 0;
    if (this.rows.size === 0 && this.filtered) note.textContent = t("alarms.none_match");
    else if (this.rows.size === 0 && this.total === 0) {
      const sure = this.live.why() === null;
      const kept = counts.alarms - counts.annunciated;
      note.replaceChildren(el("b", {}, t("alarms.empty")), sure ? el("span", {}, t("alarms.empty_note", counts)) : "", kept ? el("span", {}, t("alarms.kept", { n: kept })) : "");
    } else if (more > 0) note.textContent = t("alarms.more", { n: more });
  }

  failed(text) {
    const note = $("alarms-note");
    note.hidden = false;
    note.className = "note error";
    note.textContent = text;
  }

  sorted() {
    const at = (row) => Date.parse(row.raised_at ?? row.changed_at);
    const rows = [...this.rows.values()].sort((a, b) => at(b) - at(a) || a.id.localeCompare(b.id));
    if ($("sort").value === "urgent")
      rows.sort((a, b) => UNACK.has(b.state) - UNACK.has(a.state) || a.priority.localeCompare(b.priority));
    return rows.slice(0, CAP);
  }

  draw(force = false) {
    if (this.held && !force) {
      for (const [id, line] of this.lines) {
        const row = this.rows.get(id);
        if (row) this.fill(line, row);
        else line.classList.add("gone");
      }
      const fresh = this.sorted().filter((row) => !this.lines.has(row.id)).length;
      this.inStep();
      $("held").hidden = fresh === 0;
      $("held").textContent = t("alarms.held", { n: fresh });
      return;
    }
    $("held").hidden = true;
    const focused = document.activeElement?.closest?.("#alarms button");
    const focus = focused?.closest("tr").dataset.id;
    const lines = new Map();
    for (const row of this.sorted()) {
      const line = this.lines.get(row.id) ?? el("tr", { "data-id": row.id });
      this.fill(line, row);
      lines.set(row.id, line);
    }
    this.lines = lines;
    this.body.replaceChildren(...lines.values());
    this.inStep();
    if (focus) lines.get(focus)?.querySelector(focused.dataset.open ? "[data-open]" : "button")?.focus({ preventScroll: true });
  }

  // symbols blink together, whenever their rows came in
  inStep() {
    for (const blinking of this.body.getAnimations({ subtree: true })) blinking.startTime = 0;
  }

  fill(line, row) {
    const mark = `${row.version}/${row.step}/${row.value}/${row.peak}/${row.condition}/${this.asked.get(row.id)?.text ?? ""}/${row.site}${row.place}`;
    if (line.dataset.mark === mark) return;
    line.dataset.mark = mark;
    const unseen = row.condition !== "good";
    const notes = [unseen ? t(`signal.${row.condition}`) : "", row.overdue ? t("alarm.overdue") : "", row.chattering ? t("alarm.chattering") : "", row.stale ? t("alarm.stale") : "", row.suspicions.length ? t("alarm.suspect") : ""].filter(Boolean);
    line.className = `${row.state} ${row.priority} ${row.overrides.length ? "override" : ""} ${unseen ? "unseen" : ""}`;
    const now = this.live.now();
    const sign = row.side === "low" ? "≤" : "≥";
    const limit = row.limit === null ? "" : ` ${sign} ${number(row.limit, row.resolution)}`;
    line.replaceChildren(
      el("td", { class: "c-prio" }, symbol(row.priority), el("span", {}, row.priority)),
      el("td", { class: "c-state" }, t(`state.${row.state}`), ...row.overrides.map((o) => el("span", { class: "over", title: overrideText(row, o, now).filter(Boolean).join(" · ") }, t(`override.${o}`), o === "shelved" && row.shelved_until ? ` → ${clock(row.shelved_until).slice(0, 5)}` : "")), ...notes.map((note) => el("span", { class: "note" }, note))),
      el("td", { class: "c-time" }, time(row.raised_at ?? row.changed_at, now)),
      el("td", { class: "c-what", title: `${row.rule_id} · ${row.sensor_id ?? ""}` }, el("b", {}, alarmText(row)), el("small", {}, row.sensor || row.sensor_id || "")),
      el("td", { class: "c-value" }, el("b", {}, number(row.value, row.resolution)), el("span", {}, limit), el("small", {}, row.unit)),
      el("td", { class: "c-place", title: row.location }, row.place || "–"),
      el("td", { class: "c-site", title: row.site_id }, el("span", {}, named(row.site, row.site_en)), el("small", {}, [region(row.region), row.simulated ? t("sim.mark") : ""].filter(Boolean).join(" · "))),
      el("td", { class: "c-act" }, this.button(row), el("button", { class: "more", "data-open": row.id, title: t("dialog.do"), "aria-label": `${t("dialog.do")}: ${alarmText(row)}`, "aria-haspopup": "dialog" }, "⋯")),
    );
  }

  button(row) {
    const asked = this.asked.get(row.id);
    if (asked) {
      const again = el("button", { class: asked.bad ? "bad" : "wait", "data-ack": row.id, title: asked.why, disabled: !asked.bad }, asked.text);
      return again;
    }
    if (UNACK.has(row.state)) return el("button", { "data-ack": row.id }, t("ack.do"));
    return row.acknowledged_by ? el("small", { title: time(row.acknowledged_at) }, t("ack.by", { who: row.acknowledged_by })) : "";
  }

  clicked(event) {
    const id = event.target.closest?.("[data-ack]")?.dataset.ack;
    if (id && this.rows.has(id)) this.acknowledge(this.rows.get(id));
  }

  async acknowledge(row) {
    const last = this.asked.get(row.id);
    // a retry of the same question keeps its id; what was refused is asked anew, of what is now on screen
    const command = last?.again ? last.command : commandId();
    const mine = { command, version: row.version, text: t("ack.waiting"), again: true };
    this.asked.set(row.id, mine);
    mine.timer = setTimeout(() => this.turn(row.id, mine, t("ack.slow"), ""), 2000);
    this.redraw(row.id);
    const answer = await ask({ kind: "acknowledge", target_id: row.id, seen_version: row.version, command_id: command });
    if (this.asked.get(row.id) !== mine || answer.accepted) return;
    clearTimeout(mine.timer);
    mine.again = answer.status === 0 || answer.status === 504;
    if (mine.again) this.turn(row.id, mine, t("ack.slow"), t("f.no_answer"));
    else this.turn(row.id, mine, t(answer.guard === "stale_version" ? "ack.refused" : "f.refused"), answer.words?.[lang] ?? answer.reason ?? "");
  }

  turn(id, asked, text, why) {
    Object.assign(asked, { text, why, bad: true });
    if (why) toast(`${t(asked.again ? "ack.slow" : "f.refused")} · ${t("ack.do")}`, why);
    this.redraw(id);
  }

  // the state that came back is the answer that counts
  answered(id, version) {
    const asked = this.asked.get(id);
    if (!asked || version <= asked.version) return;
    clearTimeout(asked.timer);
    this.asked.delete(id);
  }

  redraw(id) {
    const line = this.lines.get(id);
    const row = this.rows.get(id);
    if (line && row) this.fill(line, row);
    if (line) line.dataset.why = this.asked.get(id)?.why ?? "";
  }
}
