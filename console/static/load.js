// The alarm load: the flood banner, and the strip of the day's alarm figures beside their limits.
import { age, alarmText, clock, el, svg, symbol } from "./format.js";
import { named, t } from "./words.js";

const BANNERS = 3;
const $ = (id) => document.getElementById(id);
let known = null; // positions in flood when last told

export function showLoad(load) {
  if (!load) return;
  showFloods(load);
  const box = $("load");
  if (load.error && !load.day) return box.replaceChildren(el("p", { class: "note error" }, t("load.error", { reason: load.error })));
  if (!load.ready || !load.day) return box.replaceChildren(el("p", { class: "note" }, t("load.loading")));
  const day = load.day;
  box.replaceChildren(rate(load, day), floods(day), top(day), priorities(day), unrest(day), answered(day));
}

function showFloods(load) {
  const box = $("flood");
  const here = new Set(load.floods.map((flood) => flood.site_id));
  const fresh = known && load.floods.find((flood) => !known.has(flood.site_id));
  if (fresh) $("say").textContent = `${t("flood.title")}: ${where(fresh)}`;
  known = here;
  box.hidden = load.floods.length === 0;
  const more = load.floods.length - BANNERS;
  const focused = box.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  box.replaceChildren(
    el("b", { class: "what" }, t("flood.title")),
    el("ul", {}, ...load.floods.slice(0, BANNERS).map((flood) => line(flood, load)), more > 0 ? el("li", { class: "soft" }, t("flood.more", { n: more })) : null),
  );
  if (focused) box.querySelector(`a[href="${focused}"]`)?.focus({ preventScroll: true });
}

const where = (flood) => (flood.site_id ? named(flood.site, flood.site_en) : t("flood.board"));

function line(flood, load) {
  const first = flood.first_out;
  const what = first.rule_id ? alarmText(first) : first.id;
  const at = [flood.site_id ? "" : named(first.site, first.site_en), first.place].filter(Boolean).join(" ");
  return el(
    "li", { "data-site": flood.site_id },
    el("b", {}, where(flood)),
    el("span", {}, t("flood.since", { at: clock(flood.since) })),
    el("span", { title: t("flood.limit", { n: load.begins * (flood.site_id ? 1 : load.positions), end: load.ends_below * (flood.site_id ? 1 : load.positions) }) }, t("flood.rate", { n: flood.rate, peak: flood.peak })),
    el("span", {}, t("flood.first"), " ", el("a", { href: `#alarm=${encodeURIComponent(first.id)}` }, first.priority ? symbol(first.priority) : "", ` ${what} ${at} ${clock(flood.first_at)}`)),
  );
}

function cell(name, big, subs, { over = false, title = "", extra = null, tab = "", after = "" } = {}) {
  const inside = [
    el("span", { class: "name" }, name),
    el("span", { class: "big" }, big, over ? el("em", { class: "overmark" }, t("load.over")) : "", after ? el("small", {}, after) : ""),
    el("span", { class: "sub" }, ...subs.map((sub) => el("span", {}, sub))),
  ];
  const body = el("span", { class: "said" }, ...inside);
  return tab
    ? el("button", { type: "button", class: `cell ${over ? "over" : ""}`, title, "data-tab": tab }, body, extra)
    : el("div", { class: `cell ${over ? "over" : ""}`, title }, body, extra);
}

const percent = (share) => (share === null || share === undefined ? "–" : `${(share * 100).toFixed(share < 0.1 ? 1 : 0)} %`);
const least = (n) => (n === null || n === undefined ? "–" : n < 10 ? n.toFixed(2) : n.toFixed(0));
const limit = (day, name, written = String) => t("load.limit", { most: written(day.limits[name].most) });

function rate(load, day) {
  return cell(
    t("load.rate"), String(load.rate),
    [`${t("load.mean", { n: least(day.mean) })} ${limit(day, "value")}`],
    { after: t("load.since", { at: clock(day.from).slice(0, 5), n: day.alarms }), over: day.over.includes("value"), title: day.limits.value.source, extra: bars(day.slots) },
  );
}

function bars(slots) {
  const most = Math.max(1, ...slots);
  const said = t("load.bars", { list: slots.join(", ") });
  const drawing = svg("svg", { viewBox: "0 0 96 36", class: "bars", role: "img", "aria-label": said });
  drawing.append(svg("title", {}, said));
  slots.forEach((n, i) => {
    const height = Math.max(1, (n / most) * 34);
    drawing.append(svg("rect", { x: i * 8, y: 36 - height, width: 6, height, class: i === slots.length - 1 ? "now" : "" }));
  });
  return drawing;
}

const floods = (day) =>
  cell(t("load.floods"), String(day.floods), [`${percent(day.flood_share)} ${limit(day, "flood_share", percent)}`, `${t("load.largest", { n: day.largest })} ${limit(day, "largest")}`],
    { over: day.over.includes("flood_share") || day.over.includes("largest"), title: day.limits.largest.source });

const top = (day) =>
  cell(t("load.top10"), percent(day.top10_share), [limit(day, "top10_share", percent), t("load.see")],
    { over: day.over.includes("top10_share"), title: day.limits.top10_share.source, tab: "top10" });

function priorities(day) {
  const over = day.priorities.filter((row) => ["P1", "P2"].includes(row.priority) && row.share > row.target);
  const stack = (name) => {
    const drawing = svg("svg", { viewBox: "0 0 100 5", preserveAspectRatio: "none", class: `stack ${name}`, "aria-hidden": "true" });
    let x = 0;
    for (const row of day.priorities) {
      const width = 100 * (row[name] ?? 0);
      drawing.append(svg("rect", { x, y: 0, width, height: 5, class: row.priority }));
      x += width;
    }
    return drawing;
  };
  const list = el("span", { class: "shares" }, ...day.priorities.map((row) =>
    el("span", { class: over.includes(row) ? "over" : "" }, `${row.priority} `, el("b", {}, percent(row.share)), row.target === null ? "" : ` / ${percent(row.target)}`)));
  return el("div", { class: `cell wide ${over.length ? "over" : ""}`, title: "EEMUA 191" }, el("span", { class: "said" },
    el("span", { class: "name" }, t("load.priorities"), over.length ? el("em", { class: "overmark" }, t("load.over")) : ""), stack("share"), stack("target"), list));
}

const unrest = (day) =>
  cell(t("load.unrest"), `${day.chattering} · ${day.stale}`, [t("load.unrest_note")], { over: day.chattering + day.stale > 0, tab: day.chattering || !day.stale ? "chattering" : "stale" });

const answered = (day) =>
  cell(t("load.ack"), day.ack_p50_s === null ? "–" : age(day.ack_p50_s), [day.ack_p95_s === null ? t("load.p95_none") : t("load.p95", { p95: age(day.ack_p95_s) }), t("load.acked", { n: day.acknowledged, of: day.alarms })]);

export const topRows = (load) => load?.day?.top10 ?? [];
export const topText = (row) => t("top.row", { n: row.alarms, share: percent(row.share) });
