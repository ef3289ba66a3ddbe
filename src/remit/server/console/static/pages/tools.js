// The tools of all agents: what they are, how they did in a week, and what holds them back.

import "../kit/frame.js";
import { get } from "../kit/api.js";
import { fill, h } from "../kit/dom.js";
import { count, lasting, share, usd } from "../kit/format.js";
import { changes } from "../kit/live.js";
import { given, main } from "../kit/page.js";
import { body } from "../kit/step.js";
import { Table } from "../kit/table.js";

/** @typedef {{agent: string, name: string, description: string, effect: string, version: string, owner: string, source: string, dangerous: boolean, deprecated: string, withheld: string, schema: unknown}} ToolView */
/** @typedef {{name: string, state: "open" | "half_open" | "closed", failures: number, wait_s: number}} BreakerView */
/** @type {{tools: ToolView[], figures: import("../kit/kinds.js").ToolFigures[], breakers: BreakerView[]}} */
const data = given();
const figures = new Map(data.figures.map((one) => [one.tool, one]));
let words = "";
let only = "";

/** One line a tool, whoever has it. */
const tools = [...grouped(data.tools)].map((same) => ({ .../** @type {ToolView} */ (same[0]), agents: same.map((tool) => tool.agent) }));
// A tool that was called and is served no more still has its figures.
for (const one of data.figures) {
  if (!tools.some((tool) => tool.name === one.tool)) tools.push({ agent: "", agents: [], name: one.tool, description: "No agent that is served has it.", effect: "", version: "", owner: "", source: "", dangerous: false, deprecated: "", withheld: "", schema: null });
}

/** @param {ToolView[]} all */
function grouped(all) {
  /** @type {Map<string, ToolView[]>} */
  const found = new Map();
  for (const tool of all) {
    const key = `${tool.name} ${tool.version} ${tool.source}`;
    found.set(key, [...(found.get(key) ?? []), tool]);
  }
  return found.values();
}

/** @param {(typeof tools)[number]} tool */
function state(tool) {
  const breaker = data.breakers.find((one) => one.name === `tool:${tool.name}` || one.name === tool.name);
  if (tool.withheld) return h("span", { class: "tag", "data-mood": "bad", title: tool.withheld }, "withheld");
  if (breaker && breaker.state !== "closed") return h("span", { class: "tag", "data-mood": breaker.state === "open" ? "bad" : "warn", title: `${breaker.failures} failures in a row` }, breaker.state === "open" ? "circuit open" : "being tried");
  if (tool.deprecated) return h("span", { class: "tag", "data-mood": "warn", title: tool.deprecated }, "deprecated");
  return h("span", { class: "tag", "data-mood": "good" }, "good");
}

const detail = h("section", { class: "panel detail", "aria-label": "The chosen tool" }, h("div", { class: "empty" }, "Choose a tool to see its contract."));
/** @type {Table<(typeof tools)[number]>} */
const table = new Table({
  label: "Tools",
  key: (tool) => `${tool.name} ${tool.version} ${tool.source}`,
  empty: "No tool fits. Tools appear here with the agents that have them.",
  select: (tool) => show(tool),
  columns: [
    { title: "tool", show: (tool) => h("span", { class: "mono" }, tool.name) },
    { title: "state", width: "110px", show: state },
    { title: "effect", width: "96px", narrow: false, show: (tool) => (tool.effect ? h("span", { class: "tag", "data-mood": tool.dangerous ? "bad" : tool.effect === "read" ? "plain" : "warn" }, tool.effect) : "") },
    { title: "calls", width: "72px", num: true, narrow: false, show: (tool) => count(figures.get(tool.name)?.calls ?? 0) },
    { title: "P(success)", width: "88px", num: true, show: (tool) => {
      const one = figures.get(tool.name);
      return one?.calls ? h("span", { class: one.failed ? "bad" : "" }, share(one.ok / one.calls)) : "–";
    } },
    { title: "p95", width: "104px", num: true, narrow: false, show: (tool) => {
      const p95 = figures.get(tool.name)?.p95_ms;
      return p95 == null ? "–" : lasting(p95);
    } },
  ],
});

/** @param {(typeof tools)[number]} tool */
function show(tool) {
  const one = figures.get(tool.name);
  /** @type {[string, import("../kit/dom.js").Child][]} */
  const facts = [["agents", tool.agents.join(", ")], ["version", tool.version], ["source", tool.source], ["owner", tool.owner], ["effect", tool.effect], ["dangerous", tool.dangerous ? "yes: denied unless a permission names it" : ""], ["deprecated", tool.deprecated], ["withheld", tool.withheld],
    ["calls", one ? count(one.calls) : ""], ["failed", one?.failed ? count(one.failed) : ""], ["denied", one?.denied ? count(one.denied) : ""], ["in doubt", one?.doubts ? count(one.doubts) : ""], ["p50", one?.p50_ms != null ? lasting(one.p50_ms) : ""], ["cost", one?.cost_usd ? usd(one.cost_usd) : ""]];
  fill(detail, h("header", null, h("h2", { class: "mono" }, tool.name), state(tool)),
    h("div", { class: "body" }, h("p", null, tool.description), h("dl", { class: "facts" }, facts.filter(([, value]) => value).map(([name, value]) => [h("dt", null, name), h("dd", null, value)])),
      tool.schema ? h("section", { class: "part" }, h("h3", null, "Arguments (JSON Schema)"), body(tool.schema)) : null));
}

const find = h("input", { type: "search", placeholder: "name or description", "aria-label": "Find a tool", oninput: () => {
  words = find.value.trim().toLowerCase();
  draw();
} });
const agents = [...new Set(data.tools.map((tool) => tool.agent))].sort();
const which = h("select", { "aria-label": "Agent", onchange: () => {
  only = which.value;
  draw();
} }, [["", "every agent"], ...agents.map((name) => [name, name])].map(([value, text]) => h("option", { value }, text)));
const circuits = h("section", { class: "panel" });
const said = h("span", { class: "muted", role: "status" });

main.append(h("div", { class: "head" }, h("h1", null, "Tools", said), find, which), h("div", { class: "session" }, h("div", { class: "waits" }, h("section", { class: "panel" }, table.element), circuits), detail));

function draw() {
  const rows = tools.filter((tool) => (!only || tool.agents.includes(only)) && `${tool.name} ${tool.description}`.toLowerCase().includes(words));
  rows.sort((a, b) => (figures.get(b.name)?.calls ?? 0) - (figures.get(a.name)?.calls ?? 0) || a.name.localeCompare(b.name));
  fill(said, count(rows.length));
  table.put(rows);
}

function drawCircuits() {
  fill(circuits, h("header", null, h("h2", null, "Circuits")), data.breakers.length
    ? h("table", { class: "plain" }, h("thead", null, h("tr", null, h("th", { scope: "col" }, "circuit"), h("th", { scope: "col" }, "state"), h("th", { scope: "col", class: "num" }, "failures"), h("th", { scope: "col", class: "num" }, "tried in"))),
        h("tbody", null, data.breakers.map((one) => h("tr", null, h("td", { class: "mono" }, one.name), h("td", null, h("span", { class: "tag", "data-mood": one.state === "open" ? "bad" : one.state === "half_open" ? "warn" : "good" }, one.state.replace("_", " "))), h("td", { class: "num" }, one.failures), h("td", { class: "num" }, one.wait_s ? lasting(one.wait_s * 1000) : "")))))
    : h("div", { class: "empty" }, "No call was made by this process yet. What keeps failing is stopped for a while, and shown here."));
}

let due = false;
changes(() => {
  if (due) return;
  due = true;
  setTimeout(async () => {
    due = false;
    try {
      data.breakers = (await get("/v1/breakers")).breakers;
    } catch {
      return;
    }
    drawCircuits();
    table.redraw();
  }, 3000);
});
draw();
drawCircuits();
