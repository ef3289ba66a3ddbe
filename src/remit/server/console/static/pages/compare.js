// Two sessions side by side: what they share, where they part, what each came to.

import "../kit/frame.js";
import { get, sessionPath } from "../kit/api.js";
import { fill, h } from "../kit/dom.js";
import { count, lasting, status, usd } from "../kit/format.js";
import { changes } from "../kit/live.js";
import { given, main } from "../kit/page.js";
import { body } from "../kit/step.js";
import { trying } from "../kit/toast.js";
import { nodes } from "../kit/tree.js";

/** @typedef {{session: any, nodes: any[][]}} Trace */
/** @type {{a: Trace, b: Trace}} */
const data = given();
const table = h("div", { class: "panel wide" });
const steps = h("div", { class: "panel" });
main.append(h("div", { class: "head" }, h("h1", null, "Compare")), table, steps);

/** @param {Trace} trace */
function summed(trace) {
  // That a fork was one is said above, and that somebody took it up is no step of its own.
  const all = nodes(trace.nodes).filter((node) => node.name !== "resumed" && (node.status !== "waits" || !node.text.startsWith("forked from ")));
  const session = trace.session;
  const acts = all.filter((node) => node.kind === "model" || node.kind === "tool");
  const first = all[0]?.began ?? session.opened;
  return {
    session, all, steps: acts.length, failed: acts.filter((node) => node.mood === "bad").length,
    tokens: all.reduce((sum, node) => sum + node.tokens, 0), cost: all.reduce((sum, node) => sum + node.cost, 0), took: Math.max(session.changed - first, 0),
    message: all.filter((node) => node.kind === "message").at(-1)?.text ?? "",
  };
}

/** @param {number} a @param {number} b @param {(value: number) => string} show */
function difference(a, b, show) {
  if (a === b) return h("span", { class: "muted" }, "same");
  return h("span", { class: b < a ? "good" : "warn" }, `${b < a ? "−" : "+"}${show(Math.abs(b - a))}`);
}

function draw() {
  const a = summed(data.a);
  const b = summed(data.b);
  const link = (/** @type {any} */ session) => h("a", { href: `/sessions/${encodeURIComponent(session.id)}`, class: "mono" }, session.id);
  const state = (/** @type {any} */ session) => (session.status === "idle" && session.last ? status("idle", session.last.status) : status(session.status, session.waits[0]?.kind ?? ""));
  /** @param {string} label @param {number} x @param {number} y @param {(value: number) => string} show */
  const row = (label, x, y, show) => h("tr", null, h("th", { scope: "row" }, label), h("td", null, show(x)), h("td", null, show(y)), h("td", { class: "num" }, difference(x, y, show)));
  const output = (/** @type {any} */ session) => (session.last ? body(session.last.output ?? session.last.reason) : h("span", { class: "muted" }, "not yet"));
  fill(table, h("table", { class: "plain compare" },
    h("thead", null, h("tr", null, h("td", { class: "label" }), h("th", { scope: "col" }, link(a.session)), h("th", { scope: "col" }, link(b.session), b.session.forked ? h("small", null, ` forked from event ${b.session.forked.split("@").pop()}`) : ""), h("th", { scope: "col", class: "num" }, "difference"))),
    h("tbody", null,
      h("tr", null, h("th", { scope: "row" }, "status"), h("td", null, state(a.session)), h("td", null, state(b.session)), h("td", null)),
      h("tr", null, h("th", { scope: "row" }, "newest message"), h("td", null, a.message), h("td", null, b.message), h("td", null)),
      h("tr", null, h("th", { scope: "row" }, "output"), h("td", null, output(a.session)), h("td", null, output(b.session)), h("td", null)),
      row("steps", a.steps, b.steps, count), row("went wrong", a.failed, b.failed, count), row("tokens", a.tokens, b.tokens, count), row("cost", a.cost, b.cost, usd), row("time", a.took, b.took, lasting))));
  drawSteps(a, b);
}

/** @param {ReturnType<typeof summed>} a @param {ReturnType<typeof summed>} b */
function drawSteps(a, b) {
  const same = (/** @type {import("../kit/tree.js").Node | undefined} */ x, /** @type {import("../kit/tree.js").Node | undefined} */ y) =>
    x !== undefined && y !== undefined && x.kind === y.kind && x.name === y.name && x.text === y.text && x.status === y.status;
  let shared = 0;
  while (same(a.all[shared], b.all[shared])) shared += 1;
  const rows = Math.max(a.all.length, b.all.length);
  const cell = (/** @type {any} */ session, /** @type {import("../kit/tree.js").Node | undefined} */ node) =>
    h("td", null, node ? h("a", { class: `node ${node.mood === "bad" ? "bad" : ""}`, href: `/sessions/${encodeURIComponent(session.id)}#${node.seq}`, style: { "padding-left": `${node.depth * 14}px` } },
      h("i", { class: `kind k-${node.kind}` }), h("b", null, node.name), h("span", { class: "muted" }, node.text)) : null);
  const from = Math.max(0, shared - 3);
  const shown = Array.from({ length: Math.min(rows - from, 300) }, (_, at) => from + at);
  fill(steps, h("header", null, h("h2", null, shared === rows ? "They did the same." : shared ? `The first ${shared === 1 ? "step is" : `${count(shared)} steps are`} the same.` : "They part at the first step.")),
    h("table", { class: "tree" }, h("tbody", null,
      from ? h("tr", null, h("td", { colspan: 2, class: "muted" }, `… ${count(from)} shared ${from === 1 ? "step" : "steps"}`)) : null,
      shown.map((at) => h("tr", { class: at < shared ? "shared" : "" }, cell(a.session, a.all[at]), cell(b.session, b.all[at]))))));
}

draw();
let due = false;
changes((sessions) => {
  if (due || !sessions.some((one) => one.id === data.a.session.id || one.id === data.b.session.id)) return;
  due = true;
  setTimeout(() => {
    due = false;
    void trying(async () => {
      [data.a, data.b] = await Promise.all([get(`${sessionPath(data.a.session.id)}/trace`), get(`${sessionPath(data.b.session.id)}/trace`)]);
      draw();
    });
  }, 700);
});
