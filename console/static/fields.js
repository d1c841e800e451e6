// The fields of a command's form, as the server names them, and what was written into them. Times are Asia/Shanghai.
import { age, el } from "./format.js";
import { t } from "./words.js";

const ZONE = "+08:00";
const local = (date) => new Date(date.getTime() + 8 * 3_600_000).toISOString().slice(0, 19);

export const fieldsOf = (command, now) => command.fields.map((field) => labelled(field, command, now));

function labelled(field, command, now) {
  const label = `f.${field.name}`;
  const common = { name: field.name, "data-field": field.kind, required: field.required };
  if (field.kind === "check") return el("label", { class: "check" }, el("input", { ...common, type: "checkbox", required: false }), ` ${t(label)}`);
  const input =
    field.kind === "area" ? el("textarea", { ...common, rows: 2, maxlength: 2000 })
    : field.kind === "instant" ? el("input", { ...common, type: "datetime-local", step: 1, max: command.latest ? local(new Date(command.latest)) : null })
    : el("input", { ...common, type: "text", maxlength: 200 });
  const must = field.required ? el("small", {}, ` ${t("f.required")}`) : null;
  if (field.kind !== "instant") return el("label", {}, el("span", {}, t(label), must), input);
  const choices = command.choices_s.map((seconds) => {
    const button = el("button", { type: "button" }, `+${age(seconds)}`);
    button.addEventListener("click", () => {
      const end = now.getTime() + seconds * 1000;
      input.value = local(new Date(command.latest ? Math.min(end, Date.parse(command.latest)) : end));
    });
    return button;
  });
  const most = command.latest ? t("dialog.latest", { at: local(new Date(command.latest)).replace("T", " ") }) : "";
  return el("div", { class: "instant" }, el("label", {}, el("span", {}, t(label), ` (${t("dialog.zone")})`, must), input),
    el("div", { class: "choices", role: "group", "aria-label": t(label) }, ...choices), most ? el("small", {}, most) : null);
}

export function readForm(form) {
  const data = {};
  for (const field of form.querySelectorAll("[data-field]")) {
    if (field.dataset.field === "check") data[field.name] = field.checked;
    else if (field.value.trim() && field.dataset.field === "instant") data[field.name] = `${field.value.length === 16 ? `${field.value}:00` : field.value}${ZONE}`;
    else if (field.value.trim()) data[field.name] = field.value.trim();
  }
  return data;
}
