// One hazard's page: forms become commands; a change elsewhere is announced, never pulled from under someone writing.
import { ask, commandId } from "./act.js";
import { Live } from "./live.js";
import { lang, t } from "./words.js";

const head = document.getElementById("hazard");
const id = head.dataset.id;
const version = Number(head.dataset.version);
const live = new Live();
let sent = false;

async function read() {
  try {
    const board = await (await fetch("/api/board?text=%00")).json();
    live.take(board.pulse);
    const row = board.hazards.find((each) => each.id === id);
    if (row) changed(row);
    live.follow(board.id, { changes: (message) => message.hazards.filter((each) => each.id === id).forEach(changed), pulse: () => {}, reset: read });
  } catch {
    setTimeout(read, 3000);
  }
}

const writing = () => [...document.querySelectorAll("form.command")].some((form) => [...new FormData(form).values()].some((value, i) => value && form.elements[i]?.tagName !== "SELECT"));

function changed(row) {
  if (row.version <= version) return;
  if (sent || !writing()) location.reload();
  else document.getElementById("changed").hidden = false;
}

function value(field) {
  const text = field.value.trim();
  switch (field.dataset.field) {
    case "number": return text === "" ? null : Number(text);
    case "lines": return text.split("\n").map((line) => line.trim()).filter(Boolean);
    case "select": return text === "true" ? true : text === "false" ? false : text;
    default: return text;
  }
}

function data(form) {
  const found = {};
  const measures = [];
  for (const field of form.querySelectorAll("[data-field]")) {
    const text = value(field);
    if (field.dataset.field === "measure") {
      if (text) measures.push({ kind: field.dataset.kind, text });
    } else if (text !== "" && text !== null && !(Array.isArray(text) && !text.length)) found[field.name] = text;
  }
  if (form.querySelector('[data-name="measures"]')) found.measures = measures;
  return found;
}

for (const form of document.querySelectorAll("form.command"))
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    const said = form.querySelector("output");
    form.dataset.command ||= commandId();
    button.disabled = true;
    said.className = "";
    said.textContent = t("f.sending");
    const answer = await ask({ kind: form.dataset.kind, target_id: id, seen_version: version, command_id: form.dataset.command, data: data(form) });
    button.disabled = false;
    if (answer.accepted) {
      sent = true;
      said.textContent = `${t("f.accepted")} · ${answer.event_ids.map((each) => each.slice(0, 8)).join(", ")}`;
      setTimeout(() => location.reload(), 1500);
      return;
    }
    const unsure = answer.status === 0 || answer.status === 504;
    // what was refused is asked anew after a correction; what got no answer keeps its id
    if (!unsure) delete form.dataset.command;
    said.className = "refused";
    said.textContent = unsure ? `${t("f.no_answer")} · ${answer.reason}` : `${t("f.refused")} · ${answer.words?.[lang] ?? answer.guard}: ${answer.reason}`;
  });

document.getElementById("reload").addEventListener("click", () => location.reload());
read();
