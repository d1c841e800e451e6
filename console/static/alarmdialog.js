// One alarm in a dialog: what it is, what may be done to it now (the server says), and what came of what was asked.
import { ask, commandId } from "./act.js";
import { fieldsOf, readForm } from "./fields.js";
import { age, alarmText, el, number, symbol, time } from "./format.js";
import { overrideText } from "./watch.js";
import { has, lang, named, t } from "./words.js";

// what of a row a person acts on: named in a refusal when it is no longer what was seen
const ACTED_ON = ["state", "priority", "value", "overrides", "acknowledged_by", "returned_at", "shelved_until", "work_order", "assignee", "version"];
const $ = (id) => document.getElementById(id);

export class AlarmDialog {
  constructor(live) {
    this.live = live;
    this.node = $("alarm-dialog");
    this.node.addEventListener("close", () => this.closed());
    this.node.addEventListener("click", (event) => event.target === this.node && this.node.close());
    document.addEventListener("click", (event) => {
      const id = event.target.closest?.("[data-open]")?.dataset.open;
      if (id) this.open(id);
    });
    addEventListener("hashchange", () => this.fromAddress());
    this.fromAddress();
  }

  fromAddress() {
    const id = decodeURIComponent(location.hash.match(/^#alarm=(.+)$/)?.[1] ?? "");
    if (id) this.open(id);
  }

  async open(id, keep = null) {
    this.id = id;
    if (!this.node.open) {
      this.node.replaceChildren(el("p", { class: "note" }, t("alarms.loading")));
      this.node.showModal();
    }
    try {
      const answer = await fetch(`/api/alarms/${encodeURIComponent(id)}`);
      const said = await answer.json();
      if (this.id !== id) return;
      if (!answer.ok) throw new Error(said.reason ?? `HTTP ${answer.status}`);
      this.show(said, keep);
    } catch (error) {
      this.node.replaceChildren(this.head(t("dialog.failed")), el("p", { class: "refused", role: "alert" }, String(error.message ?? error)));
    }
  }

  closed() {
    const id = this.id;
    this.id = this.seen = null;
    if (location.hash.startsWith("#alarm=")) history.replaceState(null, "", location.pathname + location.search);
    // the row may have been drawn anew meanwhile: the browser's own return of the focus would go nowhere
    if (document.activeElement === document.body) document.querySelector(`[data-open="${id}"]`)?.focus({ preventScroll: true });
  }

  // the same alarm has changed while somebody reads or writes: said, never swapped under the hand
  change(rows, gone) {
    const row = rows.find((each) => each.id === this.id) ?? gone.find((each) => each.id === this.id);
    if (!row || !this.seen || row.version <= this.seen.version) return;
    this.now = row;
    const note = this.node.querySelector(".changed");
    if (note) note.hidden = false;
  }

  head(title, row) {
    const close = el("button", { type: "button", class: "close", "aria-label": t("dialog.close"), title: "Esc" }, "✕");
    close.addEventListener("click", () => this.node.close());
    return el("header", {}, row ? symbol(row.priority) : null, el("h2", { id: "alarm-dialog-title" }, title), close);
  }

  show({ alarm, on_board, actor, rule, commands, events, at }, keep) {
    this.seen = alarm;
    this.now = null;
    this.skew = Date.parse(at) - Date.now(); // the server's clock is the one that an end is held against
    const open = commands.filter((each) => !each.guard);
    const barred = commands.filter((each) => each.guard);
    const buttons = open.map((each) => {
      const button = el("button", { type: "button", "data-kind": each.kind, "aria-expanded": "false" }, each[lang]);
      button.addEventListener("click", () => this.form(each, button));
      return button;
    });
    const reload = el("button", { type: "button" }, t("h.reload"));
    reload.addEventListener("click", () => this.open(alarm.id, this.kept()));
    const parts = [
      this.head(`${alarm.priority} · ${alarmText(alarm)}`, alarm),
      el("p", { class: "where" }, [named(alarm.site, alarm.site_en), alarm.place, alarm.sensor || alarm.sensor_id, alarm.simulated ? t("sim.mark") : ""].filter(Boolean).join(" · ")),
      facts(alarm, this.live.now(), on_board, rule),
      el("p", { class: "changed", role: "status", hidden: true }, t("dialog.changed"), " ", reload),
      actor ? el("div", { class: "kinds", role: "group", "aria-label": t("dialog.do") }, ...buttons) : el("p", { class: "soft" }, t(on_board ? "demo.choose" : "dialog.over")),
      el("div", { class: "slot" }),
      barred.length ? el("details", { class: "barred" }, el("summary", {}, t("h.actions.not_now"), ` (${barred.length})`), el("ul", {}, ...barred.map((each) => el("li", {}, `${each[lang]}: ${each[`why_${lang}`]}`)))) : null,
      el("details", { class: "past" }, el("summary", {}, t("dialog.events", { n: events.length })), el("ol", {}, ...events.reverse().map((each) => pastLine(each, this.live.now())))),
    ];
    this.node.replaceChildren(...parts.filter(Boolean));
    const again = keep && open.find((each) => each.kind === keep.kind);
    if (again) this.form(again, buttons[open.indexOf(again)], keep.values);
    else (buttons[0] ?? this.node.querySelector(".close")).focus();
  }

  kept() {
    const form = this.node.querySelector("form");
    return form && { kind: form.dataset.kind, values: Object.fromEntries(new FormData(form)) };
  }

  form(command, button, values = {}) {
    for (const each of this.node.querySelectorAll(".kinds button")) each.setAttribute("aria-expanded", String(each === button));
    const send = el("button", { class: "send" }, command[lang]);
    const cancel = el("button", { type: "button" }, t("dialog.cancel"));
    const form = el("form", { class: "command", "data-kind": command.kind, "aria-label": command[lang] },
      ...fieldsOf(command, new Date(Date.now() + this.skew)),
      el("p", { class: "send" }, send, cancel),
      el("div", { class: "answer", role: "alert" }));
    cancel.addEventListener("click", () => { form.remove(); button.setAttribute("aria-expanded", "false"); button.focus(); });
    form.addEventListener("submit", (event) => { event.preventDefault(); this.send(form, send); });
    for (const [name, value] of Object.entries(values)) if (form.elements[name] && form.elements[name].type !== "checkbox") form.elements[name].value = value;
    this.node.querySelector(".slot").replaceChildren(form);
    (form.querySelector("input, textarea, select") ?? send).focus();
  }

  async send(form, button) {
    const answer = form.querySelector(".answer");
    form.dataset.command ||= commandId();
    button.disabled = true;
    answer.textContent = t("f.sending");
    const seen = this.seen;
    const said = await ask({ kind: form.dataset.kind, target_id: seen.id, seen_version: seen.version, command_id: form.dataset.command, data: readForm(form) });
    button.disabled = false;
    if (said.accepted) {
      $("say").textContent = t("f.accepted");
      if (this.id === seen.id) this.node.close();
      return;
    }
    const unsure = said.status === 0 || said.status === 504;
    if (!unsure) delete form.dataset.command; // what got no answer keeps its id: asked again, it is done once
    answer.replaceChildren(el("b", {}, unsure ? t("f.no_answer") : `${t("f.refused")}: ${said.words?.[lang] ?? said.reason}`));
    if (said.guard === "stale_version") answer.append(await this.difference(seen));
    answer.append(el("small", {}, said.reason ?? ""));
  }

  // what was seen beside what is: from the alarm as it is on the server now
  async difference(seen) {
    let now = this.now;
    try {
      const answer = await fetch(`/api/alarms/${encodeURIComponent(seen.id)}`);
      if (answer.ok) now = (await answer.json()).alarm;
    } catch {
      // the last row that came over the line has to do
    }
    const reload = el("button", { type: "button" }, t("dialog.reload"));
    reload.addEventListener("click", () => this.open(seen.id, this.kept()));
    const differs = ACTED_ON.filter((name) => now && String(now[name] ?? "") !== String(seen[name] ?? ""));
    const row = (name) => el("tr", {}, el("th", { scope: "row" }, t(`diff.${name}`)), el("td", {}, written(name, seen)), el("td", {}, written(name, now)));
    return el("div", { class: "diff" },
      el("table", {}, el("thead", {}, el("tr", {}, el("th", {}), el("th", { scope: "col" }, t("diff.seen")), el("th", { scope: "col" }, t("diff.now")))), el("tbody", {}, ...differs.map(row))), reload);
  }
}

function written(name, row) {
  const value = row[name];
  if (name === "state") return t(`state.${value}`);
  if (name === "overrides") return value.map((each) => t(`override.${each}`)).join(", ") || "–";
  if (name === "value") return `${number(value, row.resolution)} ${row.unit ?? ""}`;
  if (name.endsWith("_at") || name === "shelved_until") return value ? time(value) : "–";
  return String(value ?? "") || "–";
}

function facts(row, now, onBoard, rule) {
  const sign = row.side === "low" ? "≤" : "≥";
  const rows = [
    [t("alarms.col.state"), [t(`state.${row.state}`), row.overdue ? t("alarm.overdue") : "", row.chattering ? t("alarm.chattering") : "", row.stale ? t("alarm.stale") : "", onBoard ? "" : t("dialog.over")].filter(Boolean).join(" · ")],
    [t("alarms.col.value"), `${number(row.value, row.resolution)} ${row.limit === null ? "" : `${sign} ${number(row.limit, row.resolution)}`} ${row.unit}${row.peak === null ? "" : ` · ${t("dialog.peak")} ${number(row.peak, row.resolution)}`}`],
    [t("alarms.col.time"), row.raised_at ? `${time(row.raised_at, now)} · ${t("dialog.ago", { s: age(Math.max(0, Date.parse(now) - Date.parse(row.raised_at)) / 1000) })}` : ""],
    [t("state.acknowledged"), row.acknowledged_by ? `${row.acknowledged_by} ${time(row.acknowledged_at, now)}` : ""],
    [t("f.assignee"), row.assignee ?? ""],
    [t("dialog.consequence"), rule?.[`consequence_${lang}`] ?? ""],
    [t("dialog.action"), [rule?.[`action_${lang}`], rule?.time_to_respond_s ? t("dialog.within", { s: age(rule.time_to_respond_s) }) : ""].filter(Boolean).join(" · ")],
    [t("dialog.basis"), rule?.basis ?? ""],
    ...row.overrides.map((name) => [t(`override.${name}`), overrideText(row, name, now).filter(Boolean).join(" · ")]),
  ];
  return el("dl", { class: "facts" }, ...rows.filter(([, text]) => text).flatMap(([label, text]) => [el("dt", {}, label), el("dd", {}, text)]));
}

function pastLine(event, now) {
  const kind = `event.${event.kind}`;
  const says = [event.data.reason, event.data.comment, event.data.assignee, event.data.work_order].filter((text) => typeof text === "string" && text);
  return el("li", {}, el("time", {}, time(event.occurred_at, now)), el("b", {}, has(kind) ? t(kind) : event.kind), el("span", {}, event.actor.role === "system" ? "" : event.actor.id), el("span", {}, says.join(" · ")));
}
