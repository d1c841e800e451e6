// Open hazards, newest first: state, clause, place, deadline.
import { day, el, region, time } from "./format.js";
import { named, t } from "./words.js";

const CAP = 200;
const DAY_MS = 86_400_000;

export function showHazards(rows, total, now) {
  rows.sort((a, b) => Date.parse(b.found_at) - Date.parse(a.found_at) || a.id.localeCompare(b.id));
  document.getElementById("hazards-n").textContent = String(total);
  const list = document.getElementById("hazards");
  const focused = list.contains(document.activeElement) ? document.activeElement.closest("li")?.dataset.id : null;
  if (!list.matches(":hover") || list.childElementCount === 0) list.replaceChildren(...rows.slice(0, CAP).map((row) => item(row, now)));
  if (focused) list.querySelector(`li[data-id="${focused}"] a`)?.focus({ preventScroll: true });
  const note = document.getElementById("hazards-note");
  note.hidden = total > 0 && rows.length <= CAP && total <= rows.length;
  note.textContent = total ? t("hazards.more", { n: total - Math.min(rows.length, CAP) }) : t("hazards.empty");
}

export function deadline(row, now) {
  if (!row.due) return el("span", { class: "due none" }, t("hazards.no_due"));
  const left = (Date.parse(row.due) - Date.parse(now)) / DAY_MS;
  if (!row.open) return el("span", { class: "due" }, `${t("hazards.due")} ${day(row.due)}`);
  if (left < 0) return el("span", { class: "due over" }, t("hazards.overdue", { days: Math.ceil(-left) }));
  if (left < 1) return el("span", { class: "due soon" }, t("hazards.due_today"));
  return el("span", { class: "due", title: `${t("hazards.due")} ${day(row.due)}` }, t("hazards.left", { days: Math.floor(left) }));
}

function item(row, now) {
  const title = named(row.clause_zh, row.clause_en) || row.title || t("hazards.no_clause");
  return el(
    "li", { "data-id": row.id },
    el("a", { href: `/hazards/${encodeURIComponent(row.id)}` },
      el("span", { class: "row1" }, el("span", { class: `chip ${row.state} ${row.verdict ?? ""}` }, t(`hstate.${row.state}`)), el("b", {}, title), deadline(row, now)),
      el("span", { class: "row2" }, el("span", {}, `${named(row.site, row.site_en)} · ${row.place || row.place_id}`), el("span", { class: "soft" }, region(row.region)), row.simulated ? el("span", { class: "simmark" }, t("sim.mark")) : null),
      el("span", { class: "row3" },
        el("span", {}, [row.criterion_id, named(row.article_zh, row.article)].filter(Boolean).join(" · ") || t("hazards.no_clause")),
        el("span", {}, `${t("hazards.found")} ${time(row.found_at, now)}`),
        el("span", {}, t("hazards.evidence", { n: row.evidence })),
        row.missing.length ? el("span", { class: "missing" }, t("hazards.missing", { n: row.missing.length })) : null)),
  );
}
