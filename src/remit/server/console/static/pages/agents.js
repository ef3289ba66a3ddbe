// The agents that are served, and how each did in a week.

import "../kit/frame.js";
import { h } from "../kit/dom.js";
import { count, lasting, share, usd } from "../kit/format.js";
import { given, main } from "../kit/page.js";

/** @typedef {{name: string, version: string, model: string, instructions: string, tools: string[]}} AgentView */
/** @type {{agents: AgentView[], figures: import("../kit/kinds.js").AgentFigures[]}} */
const data = given();

/** @param {AgentView} agent */
function row(agent) {
  const figures = data.figures.find((one) => one.agent === agent.name);
  const href = `/agents/${encodeURIComponent(agent.name)}`;
  return h("tr", { "data-open": true, onclick: () => location.assign(href) },
    h("td", null, h("a", { href }, agent.name), " ", h("small", null, `version ${agent.version}`)),
    h("td", { class: "mono narrow-hide" }, agent.model), h("td", { class: "narrow-hide" }, agent.tools.length ? `${agent.tools.length} ${agent.tools.length === 1 ? "tool" : "tools"}` : "none"),
    h("td", { class: "num" }, figures ? count(figures.runs) : "0"),
    h("td", { class: `num ${figures?.failed ? "bad" : ""}` }, figures?.runs ? share(figures.done / figures.runs) : "–"),
    h("td", { class: "num narrow-hide" }, figures?.tokens_per_step ? count(Math.round(figures.tokens_per_step)) : "–"),
    h("td", { class: "num" }, figures?.cost_per_run_usd != null ? usd(figures.cost_per_run_usd) : "–"),
    h("td", { class: "num narrow-hide" }, figures?.p95_ms != null ? lasting(figures.p95_ms) : "–"));
}

const head = (/** @type {string} */ text, num = false, narrow = true) => h("th", { scope: "col", class: `${num ? "num " : ""}${narrow ? "" : "narrow-hide"}` }, text);
main.append(
  h("div", { class: "head" }, h("h1", null, "Agents", h("small", null, "figures of the last seven days"))),
  data.agents.length
    ? h("section", { class: "panel wide" }, h("table", { "aria-label": "Agents" },
        h("thead", null, h("tr", null, head("agent"), head("model", false, false), head("tools", false, false), head("runs", true), head("done", true), head("tokens a step", true, false), head("cost a run", true), head("p95", true, false))),
        h("tbody", null, data.agents.map(row))))
    : h("div", { class: "panel empty" }, "This server serves no agents; it only shows sessions.", h("code", null, "remit serve agent.py:helper")),
);
