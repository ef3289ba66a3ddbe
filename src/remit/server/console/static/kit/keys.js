// The keyboard: letters do what the page says they do, while nobody writes.

import { h } from "./dom.js";

/** @type {Map<string, {act: () => void, what: string}>} */
const keys = new Map();
let leader = 0;

/**
 * Have a key, or `g` and a key, do something.
 * @param {string} key
 * @param {string} what
 * @param {() => void} act
 */
export function bind(key, what, act) {
  keys.set(key, { act, what });
}

/** @param {EventTarget | null} target */
function writing(target) {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || writing(event.target)) return;
  if (document.querySelector("dialog[open]")) return;
  const led = Date.now() - leader < 1200;
  leader = 0;
  if (event.key === "g" && !led) {
    leader = Date.now();
    return;
  }
  const bound = keys.get(led ? `g ${event.key}` : event.key);
  if (!bound) return;
  event.preventDefault();
  bound.act();
});

for (const [key, path, what] of [
  ["o", "/", "overview"], ["s", "/sessions", "sessions"], ["a", "/approvals", "approvals"], ["e", "/agents", "agents"],
  ["t", "/tools", "tools"], ["l", "/limits", "limits"], ["f", "/flags", "flags"], ["x", "/settings", "settings"],
]) {
  bind(`g ${key}`, `go to ${what}`, () => location.assign(String(path)));
}
bind("/", "search", () => {
  const field = document.querySelector("input[type=search]");
  if (field instanceof HTMLInputElement) field.select();
});
bind("?", "these shortcuts", help);

function help() {
  const rows = [...keys].map(([key, { what }]) =>
    h("tr", null, h("td", null, key.split(" ").map((one) => h("kbd", null, one))), h("td", null, what)),
  );
  const dialog = h(
    "dialog",
    { "aria-label": "Keyboard shortcuts", onclose: () => dialog.remove() },
    h("form", { method: "dialog" }, h("h2", null, "Keyboard shortcuts"), h("table", null, h("tbody", null, rows)),
      h("footer", null, h("button", { class: "main" }, "Close"))),
  );
  document.body.append(dialog);
  dialog.showModal();
}

document.querySelector("#help")?.addEventListener("click", help);
