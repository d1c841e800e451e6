// Times, values, ages and symbols as the board writes them. Times are Asia/Shanghai whatever the browser's zone.
import { has, lang, t } from "./words.js";

const parts = new Intl.DateTimeFormat("en-CA", {
  timeZone: "Asia/Shanghai", hourCycle: "h23",
  year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit",
});

function fields(iso) {
  const found = {};
  for (const { type, value } of parts.formatToParts(new Date(iso))) found[type] = value;
  return found;
}

// "11-23 14:02:11"; with the year where it is not the year of the data.
export function time(iso, now) {
  if (!iso) return "";
  const f = fields(iso);
  const year = now && fields(now).year === f.year ? "" : `${f.year}-`;
  return `${year}${f.month}-${f.day} ${f.hour}:${f.minute}:${f.second}`;
}

// "14:02:11", for what is of today.
export function clock(iso) {
  const f = fields(iso);
  return `${f.hour}:${f.minute}:${f.second}`;
}

export function day(iso) {
  if (!iso) return "";
  const f = fields(iso);
  return `${f.year}-${f.month}-${f.day}`;
}

export function age(seconds) {
  if (seconds < 10) return t("unit.s", { n: seconds.toFixed(1) });
  if (seconds < 120) return t("unit.s", { n: Math.round(seconds) });
  if (seconds < 7200) return t("unit.min", { n: Math.round(seconds / 60) });
  if (seconds < 172800) return t("unit.h", { n: Math.round(seconds / 3600) });
  return t("unit.d", { n: Math.round(seconds / 86400) });
}

export const number = (value, resolution = 0.01) => {
  if (value === null || value === undefined) return "–";
  const digits = Math.min(6, Math.max(0, Math.ceil(-Math.log10(resolution || 0.01) - 1e-9)));
  return value.toFixed(digits);
};

export function region(code) {
  if (!code) return "";
  for (const key of [code, `${code.slice(0, 4)}00`, `${code.slice(0, 2)}0000`])
    if (has(`region.${key}`)) return t(`region.${key}`);
  return code;
}

const word = (row) => [`signal.${row.signal}`, `quantity.${row.quantity}`].find(has);
const signal = (row) => (word(row) ? t(word(row)) : lang === "zh" ? row.quantity || row.signal : row.signal || row.quantity);

export const alarmText = (row) =>
  [signal(row), has(`side.${row.side}`) ? t(`side.${row.side}`) : row.rule_id].filter(Boolean).join(" ");

export function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes))
    if (value !== null && value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

const SHAPES = {
  P1: "M10 1 19 10 10 19 1 10Z",
  P2: "M10 1.5 19 18 1 18Z",
  P3: "M2.5 2.5H17.5V17.5H2.5Z",
  P4: "M10 1.5A8.5 8.5 0 1 1 9.99 1.5Z",
};
const SVG = "http://www.w3.org/2000/svg";

export function svg(tag, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// Shape, letter and colour always together: each alone tells the priority.
export const symbol = (priority) =>
  svg("svg", { viewBox: "0 0 20 20", class: `symbol ${priority}`, "aria-hidden": "true" },
    svg("path", { d: SHAPES[priority] ?? SHAPES.P4 }),
    svg("text", { x: 10, y: priority === "P2" ? 16 : 14 }, priority.slice(1)));
