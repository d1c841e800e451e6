// What happened to a command, said where it is seen and heard; stays until it is read or closed.
import { el } from "./format.js";

const box = el("div", { class: "toasts", role: "alert" });
document.body.append(box);

export function toast(title, text, kind = "refused", seconds = 20) {
  const close = el("button", { type: "button" }, "OK");
  const item = el("div", { class: `toast ${kind}` }, el("b", {}, title), el("span", {}, text), close);
  close.addEventListener("click", () => item.remove());
  box.append(item);
  setTimeout(() => item.remove(), seconds * 1000);
}
