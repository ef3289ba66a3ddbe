// The inbox: what waits for a person, oldest first; with the keyboard, and many at once.

import "../kit/frame.js";
import { get } from "../kit/api.js";
import { answer, askAndDecide, card, decide, edit, settle } from "../kit/decide.js";
import { confirmed } from "../kit/dialog.js";
import { fill, h } from "../kit/dom.js";
import { count, json } from "../kit/format.js";
import { bind } from "../kit/keys.js";
import { changes } from "../kit/live.js";
import { given, main, may } from "../kit/page.js";
import { toast } from "../kit/toast.js";

/** @typedef {import("../kit/decide.js").Waiting} Waiting */
/** @type {{waiting: Waiting[], more: boolean}} */
let data = given();
/** @type {Set<string>} */
const chosen = new Set();
let current = "";
let words = "";
let kind = "";

const name = (/** @type {Waiting} */ one) => `${one.session} ${one.call}`;
const list = h("div", { class: "inbox" });
const bulk = h("div", { class: "row" });
const said = h("span", { class: "muted", role: "status" });
const find = h("input", { type: "search", placeholder: "tool, agent, argument", "aria-label": "Find what waits", oninput: () => {
  words = find.value.trim().toLowerCase();
  draw();
} });
const kinds = h("select", { "aria-label": "Kind", onchange: () => {
  kind = kinds.value;
  draw();
} }, [["", "everything"], ["approval", "approvals"], ["question", "questions"], ["doubt", "in doubt"]].map(([value, text]) => h("option", { value }, text)));

main.append(h("div", { class: "head" }, h("h1", null, "Approvals", said), find, kinds), bulk, list);

function shown() {
  return data.waiting
    .filter((one) => (!kind || one.kind === kind) && (!words || JSON.stringify(one).toLowerCase().includes(words)))
    .sort((a, b) => Number(b.escalated ?? false) - Number(a.escalated ?? false) || (a.asked ?? 0) - (b.asked ?? 0));
}

function draw() {
  if (document.querySelector("dialog[open]")) return;
  const rows = shown();
  if (!rows.some((one) => name(one) === current)) current = rows[0] ? name(rows[0]) : "";
  for (const one of chosen) if (!rows.some((row) => name(row) === one)) chosen.delete(one);
  fill(said, `${count(rows.length)}${data.more ? "+" : ""}`);
  fill(list, rows.length
    ? rows.map((one) => {
        const element = card(one, { done: () => void reload(), link: true });
        element.dataset.current = String(name(one) === current);
        element.addEventListener("click", () => choose(name(one)));
        if (one.kind === "approval" && may("decide")) {
          const box = h("input", { type: "checkbox", "aria-label": `Choose ${one.tool} of ${one.session}`, checked: chosen.has(name(one)), onchange: () => {
            if (box.checked) chosen.add(name(one));
            else chosen.delete(name(one));
            drawBulk();
          } });
          element.querySelector("header")?.prepend(box);
        }
        return element;
      })
    : h("div", { class: "panel empty" }, h("b", null, "Nothing waits for you."), "Calls that a rule wants approved, questions that tools ask, and effects nobody can be sure of appear here.",
        h("code", null, "Agent(..., guards=[AskBefore(\"refund\")])")));
  drawBulk();
}

/** @param {string} one */
function choose(one) {
  current = one;
  for (const element of list.children) if (element instanceof HTMLElement) element.dataset.current = String(`${element.dataset.session ?? ""} ${element.dataset.call ?? ""}` === one);
}

function drawBulk() {
  const picked = shown().filter((one) => chosen.has(name(one)));
  fill(bulk, picked.length ? [
    h("span", null, `${picked.length} chosen`),
    h("button", { class: "main", type: "button", onclick: () => void all(picked, true) }, `Approve ${picked.length}`),
    h("button", { class: "danger", type: "button", onclick: () => void all(picked, false) }, `Deny ${picked.length}`),
    h("button", { class: "quiet", type: "button", onclick: () => {
      chosen.clear();
      draw();
    } }, "Choose none"),
  ] : null);
}

/**
 * @param {Waiting[]} picked
 * @param {boolean} granted
 */
async function all(picked, granted) {
  const reason = await confirmed({
    title: `${granted ? "Approve" : "Deny"} ${picked.length} calls?`, act: granted ? `Approve all ${picked.length}` : `Deny all ${picked.length}`, danger: !granted, reason: "Reason, for each of them",
    body: h("ul", { class: "picked" }, picked.map((one) => h("li", { class: "mono" }, `${one.tool}(${Object.entries(one.args).map(([key, value]) => `${key}=${json(value)}`).join(", ")})`))),
  });
  if (reason === null) return;
  let done = 0;
  // One after the other: each is a decision of its own, and one that is refused stops none of the others.
  for (const one of picked) if (await decide(one, granted, reason)) done += 1;
  toast(`${done} of ${picked.length} ${granted ? "approved" : "denied"}`, done === picked.length ? "good" : "bad");
  chosen.clear();
  await reload();
}

let turn = 0;
async function reload() {
  const mine = ++turn;
  try {
    const [approvals, doubts, questions] = await Promise.all([get("/v1/approvals", { limit: 200 }), get("/v1/doubts", { limit: 200 }), get("/v1/questions", { limit: 200 })]);
    if (mine !== turn) return;
    data = { waiting: [...approvals.waiting, ...doubts.waiting, ...questions.waiting], more: Boolean(approvals.next || doubts.next || questions.next) };
    draw();
  } catch (error) {
    toast(error instanceof Error ? error.message : String(error), "bad");
  }
}

/** @param {number} step */
function move(step) {
  const rows = shown();
  const at = rows.findIndex((one) => name(one) === current);
  const next = rows[Math.min(rows.length - 1, Math.max(0, at + step))];
  if (!next) return;
  choose(name(next));
  list.querySelector("[data-current=true]")?.scrollIntoView({ block: "nearest" });
}

/** @param {(one: Waiting) => Promise<boolean>} act @param {...Waiting["kind"]} of */
function key(act, ...of) {
  return async () => {
    const one = shown().find((row) => name(row) === current);
    if (one && of.includes(one.kind) && may("decide") && (await act(one))) await reload();
  };
}

bind("j", "next", () => move(1));
bind("k", "before", () => move(-1));
bind("a", "approve, or answer", () => void key((one) => (one.kind === "question" ? answer(one) : askAndDecide(one, true)), "approval", "question")());
bind("d", "deny", () => void key((one) => askAndDecide(one, false), "approval")());
bind("e", "edit the arguments", () => void key(edit, "approval")());
bind("y", "it happened", () => void key((one) => settle(one, true), "doubt")());
bind("n", "it did not happen", () => void key((one) => settle(one, false), "doubt")());
bind("x", "choose", () => {
  const box = list.querySelector("[data-current=true] input[type=checkbox]");
  if (box instanceof HTMLInputElement) box.click();
});

let due = false;
changes(() => {
  if (due) return;
  due = true;
  setTimeout(() => {
    due = false;
    void reload();
  }, 800);
});
draw();
