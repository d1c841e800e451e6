// Counts by priority and state, hazards, and the KPI cards.
import { day, el, symbol } from "./format.js";
import { has, lang, t } from "./words.js";

const PRIORITIES = ["P1", "P2", "P3", "P4"];

export function showTiles(box, counts, kpis) {
  box.replaceChildren(
    ...PRIORITIES.map((priority) => priorityTile(priority, counts.by_priority[priority] ?? {})),
    otherTile(counts),
    hazardTile(counts),
    ...kpis.map(card),
  );
}

const line = (label, value) => el("p", { class: "line" }, el("span", {}, label), el("b", {}, String(value)));

function priorityTile(priority, states) {
  const total = Object.values(states).reduce((sum, n) => sum + n, 0);
  const unack = states.unacknowledged ?? 0;
  const returned = states.returned_unacknowledged ?? 0;
  const tile = el(
    "div", { class: `tile prio ${total ? "some" : "none"} ${unack ? "unack" : ""}` },
    symbol(priority),
    el("p", { class: "big" }, el("small", {}, priority), String(total)),
    el("p", { class: "sub" },
      el("span", {}, `${t("count.unack")} `, el("b", {}, String(unack))),
      el("span", {}, `${t("count.returned")} `, el("b", {}, String(returned)))),
  );
  return tile;
}

function otherTile(counts) {
  const n = Object.values(counts.overrides).reduce((sum, count) => sum + count, 0);
  const acked = PRIORITIES.reduce((sum, p) => sum + (counts.by_priority[p]?.acknowledged ?? 0), 0);
  const unseen = Object.entries(counts.signals).reduce((sum, [condition, count]) => sum + (condition === "good" ? 0 : count), 0);
  return el("div", { class: "tile small" }, line(t("count.acked"), acked), line(t("count.overrides"), n), line(t("count.unseen"), unseen), line(t("count.watched"), `${counts.sites}/${counts.sensors}`));
}

function hazardTile(counts) {
  return el(
    "div", { class: "tile hazard" },
    el("p", { class: "name" }, t("count.hazards")),
    el("p", { class: "big" }, String(counts.hazards)),
    el("p", { class: "sub" },
      el("span", {}, `${t("count.major")} `, el("b", {}, String(counts.major))),
      el("span", {}, `${t("count.suspected")} `, el("b", {}, String(counts.hazard_states.suspected ?? 0)))),
  );
}

const isYesOrNo = (kpi) => kpi.kpi_id === "K04b";
const isShare = (kpi) => !isYesOrNo(kpi) && (kpi.unit === "%" || kpi.unit === "ratio" || /^K0[156]/.test(kpi.kpi_id));

function card(kpi) {
  const name = has(`kpi.${kpi.kpi_id}`) ? t(`kpi.${kpi.kpi_id}`) : kpi[lang];
  const row = kpi.row;
  const head = el("p", { class: "name", title: kpi[lang] || name }, name);
  if (!row) return el("div", { class: "tile kpi none" }, head, el("p", { class: "sub" }, t("kpi.never")));
  const value = row.value === null ? t("kpi.not_enough") : isYesOrNo(kpi) ? t(row.value ? "h.yes" : "h.no") : isShare(kpi) ? `${(row.value * 100).toFixed(1)} %` : String(row.value);
  const share = isShare(kpi) && row.den !== null ? t("kpi.of", { num: row.num ?? "–", den: row.den }) : "";
  const said = [kpi[lang] || name, kpi.target && t("kpi.target", { target: kpi.target }), share, t("kpi.as_of", { day: day(row.as_of) })].filter(Boolean).join(" · ");
  return el(
    "div", { class: "tile kpi", title: said },
    head,
    el("p", { class: row.value === null ? "big word" : "big" }, value, el("small", { class: "after" }, kpi.kpi_id)),
    el("p", { class: "sub" }, share ? el("span", {}, share) : null, el("span", {}, share ? day(row.as_of).slice(5) : t("kpi.as_of", { day: day(row.as_of).slice(5) }))),
  );
}
