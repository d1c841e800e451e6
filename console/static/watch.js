// What an operator must not forget: alarms kept off the list by an override and until when, those that chatter or stand
// for too long, and the busiest of the day. Tabs with the count of each.
import { age, alarmText, el, symbol, time } from "./format.js";
import { topRows, topText } from "./load.js";
import { named, t } from "./words.js";

const OVERRIDES = ["shelved", "suppressed", "out_of_service", "masked"];
const TABS = [...OVERRIDES, "chattering", "stale", "top10"];

export class Watch {
  constructor(live) {
    this.live = live;
    this.noted = new Map();
    this.load = null;
    this.chosen = null;
    this.tabs = document.getElementById("watch-tabs");
    this.list = document.getElementById("watch-list");
    this.none = document.getElementById("watch-note");
    this.buttons = new Map(TABS.map((name) => [name, this.button(name)]));
    this.tabs.replaceChildren(...this.buttons.values());
    this.tabs.addEventListener("keydown", (event) => this.moved(event));
  }

  button(name) {
    const node = el("button", { type: "button", role: "tab", id: `tab-${name}`, "aria-controls": "watch-panel", "data-name": name }, t(`watch.${name}`), " ", el("b", {}));
    node.addEventListener("click", () => this.choose(name));
    return node;
  }

  choose(name, focus = false) {
    this.chosen = name;
    this.show();
    if (focus) this.buttons.get(name).focus();
  }

  moved(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    this.choose(TABS[(TABS.indexOf(this.open) + step + TABS.length) % TABS.length], true);
  }

  replace(rows) {
    this.noted = new Map(rows.map((row) => [row.id, row]));
    this.loaded = true;
  }

  change(rows, gone) {
    for (const row of rows) {
      if (row.overrides.length || row.chattering || row.stale) this.noted.set(row.id, row);
      else this.noted.delete(row.id);
    }
    for (const { id } of gone) this.noted.delete(id);
  }

  of(name) {
    if (name === "top10") return topRows(this.load);
    const rows = [...this.noted.values()].filter((row) => (OVERRIDES.includes(name) ? row.overrides.includes(name) : row[name]));
    return rows.sort((a, b) => (a.shelved_until ?? "").localeCompare(b.shelved_until ?? "") || a.id.localeCompare(b.id));
  }

  // the tab a person chose, else the first that has something to tell
  get open() {
    return this.chosen ?? TABS.find((name) => this.of(name).length) ?? TABS[0];
  }

  show() {
    if (!this.loaded) return;
    const open = this.open;
    for (const [name, node] of this.buttons) {
      const n = this.of(name).length;
      node.querySelector("b").textContent = name === "top10" ? "" : String(n);
      node.classList.toggle("some", n > 0);
      node.setAttribute("aria-selected", String(name === open));
      node.tabIndex = name === open ? 0 : -1;
    }
    document.getElementById("watch-panel").setAttribute("aria-labelledby", `tab-${open}`);
    const rows = this.of(open);
    const focused = this.list.contains(document.activeElement) ? document.activeElement.closest("li")?.dataset.id : null;
    this.list.replaceChildren(...rows.map((row) => this.item(row, open)));
    if (focused) this.list.querySelector(`li[data-id="${focused}"] button`)?.focus({ preventScroll: true });
    this.none.hidden = rows.length > 0;
    this.none.textContent = t("watch.none", { what: t(`watch.${open}`) });
  }

  item(row, name) {
    const says = name === "top10" ? [topText(row)] : overrideText(row, name, this.live.now());
    return el("li", { "data-id": row.id }, el("button", { type: "button", "data-open": row.id },
      row.priority ? symbol(row.priority) : "",
      el("span", { class: "row1" }, el("b", {}, row.rule_id ? alarmText(row) : row.id), ` ${row.place ?? ""}`),
      el("span", { class: "row2" }, named(row.site, row.site_en)),
      el("span", { class: "row3" }, says.filter(Boolean).join(" · "))));
  }
}

// Why and until when, in words; also for the alarm's own dialog.
export function overrideText(row, name, now) {
  const left = (end) => (Date.parse(end) > Date.parse(now) ? t("watch.left", { s: age((Date.parse(end) - Date.parse(now)) / 1000) }) : "");
  switch (name) {
    case "shelved": return [t("watch.until", { at: time(row.shelved_until, now) }), left(row.shelved_until), row.one_shot ? t("watch.one_shot") : "", row.shelve_reason, row.shelved_by];
    case "suppressed": return [row.suppressed_by?.startsWith("rule:") ? t("watch.by_design") : t("watch.by", { who: row.suppressed_by ?? "–" })];
    case "out_of_service": return [t("watch.order", { order: row.work_order || "–" }), row.service_due_at ? t("watch.due", { at: time(row.service_due_at, now) }) : "", row.service_overdue ? t("watch.overdue") : left(row.service_due_at)];
    case "masked": return [t("watch.masked_by")];
    case "stale": return [t("watch.stands", { at: time(row.raised_at, now), s: age((Date.parse(now) - Date.parse(row.raised_at)) / 1000) })];
    default: return [t("watch.raised", { at: time(row.raised_at ?? row.changed_at, now) })];
  }
}
