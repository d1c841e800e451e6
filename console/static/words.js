// Words of the page's language, read once; the server's templates use the same file.
export const lang = document.documentElement.dataset.lang;
const table = await (await fetch(`/locales/${lang}.json`)).json();

export const has = (key) => key in table;

export function t(key, values = {}) {
  const text = table[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

// The site's or clause's name in the page's language; the other one where only that is known.
export const named = (zh, en) => (lang === "zh" ? zh || en : en || zh) || "";
