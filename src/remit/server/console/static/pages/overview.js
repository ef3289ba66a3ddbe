// How a tenant stands now.

import "../kit/frame.js";
import { get } from "../kit/api.js";
import { spread, stacked } from "../kit/charts.js";
import { fill, h } from "../kit/dom.js";
import { alarm, count, lasting, share, status, usd, when } from "../kit/format.js";
import { changes } from "../kit/live.js";
import { given, main } from "../kit/page.js";

/** @typedef {import("../kit/kinds.js").Summary} Summary */
/** @type {{overview: import("../kit/kinds.js").Overview, figures: import("../kit/kinds.js").Figures, sessions: {sessions: Summary[]}, flags: {flags: import("../kit/kinds.js").Flag[]}}} */
const data = given();

const tiles = h("div", { class: "tiles" });
const recent = h("div", { class: "panel" });
const flags = h("div", { class: "panel" });
const charts = h("div", { class: "grid pairs" });
main.append(h("div", { class: "head" }, h("h1", null, "Overview")), tiles, charts, h("div", { class: "grid" }, recent, flags));

/**
 * @param {string} label
 * @param {string} value
 * @param {string} href
 * @param {string} [mood]
 * @param {import("../kit/dom.js").Child} [more]
 */
function tile(label, value, href, mood, more) {
  return h("a", { class: "panel tile", href, "data-mood": mood }, h("b", null, value), h("span", null, label), more);
}

function drawTiles() {
  const now = data.overview;
  const waiting = now.approvals + now.questions + now.doubts;
  const used = now.budget_usd ? now.spent_today_usd / now.budget_usd : 0;
  const level = used >= 1 ? "bad" : used >= 0.8 ? "warn" : "plain";
  fill(
    tiles,
    tile("running", count(now.running), "/sessions?status=running"),
    tile("wait for a person", count(waiting), "/approvals", waiting ? "warn" : "",
      now.oldest_wait ? h("span", { class: "more" }, "oldest ", when(now.oldest_wait)) : null),
    tile("in the queue", count(now.queued), "/sessions?status=idle", "", now.oldest_queued ? h("span", { class: "more" }, "oldest ", when(now.oldest_queued)) : null),
    tile(`of ${count(now.runs_today)} runs failed today`, count(now.failed_today), "/sessions?ended=failed", now.failed_today ? "bad" : "good"),
    tile("flags today", count(now.flags_today), "/flags", now.flags_today ? "bad" : ""),
    tile(now.budget_usd ? `spent today of ${usd(now.budget_usd)}` : "spent today, no budget set", usd(now.spent_today_usd), "/limits", level === "plain" ? "" : level,
      now.budget_usd ? h("div", { class: "meter", "data-mood": level, role: "meter", "aria-label": "Share of today's budget", "aria-valuenow": Math.round(used * 100), "aria-valuemin": 0, "aria-valuemax": 100 },
        h("i", { style: { width: `${Math.min(100, used * 100)}%` } })) : null),
  );
}

/**
 * A chart over the last day, by agent or by model.
 * @param {string} title
 * @param {"cost_usd" | "tokens"} what
 * @param {(value: number) => string} show
 */
function chart(title, what, show) {
  const { since, until, step, by_agent: byAgent, by_model: byModel } = data.figures;
  const body = h("div", { class: "body" });
  const draw = (/** @type {string} */ by) =>
    fill(body, stacked({ label: `${title} by ${by}`, since, until, step, show,
      points: (by === "agent" ? byAgent : byModel).map((one) => ({ at: one.at, name: one.name, value: one[what] })) }));
  const by = h("select", { "aria-label": `${title} by`, onchange: () => draw(by.value) },
    ["agent", "model"].map((name) => h("option", { value: name }, `by ${name}`)));
  draw("agent");
  return h("section", { class: "panel" }, h("header", null, h("h2", null, `${title}, last 24 hours`), by), body);
}

function drawCharts() {
  const { tools, models } = data.figures;
  fill(
    charts,
    chart("Cost", "cost_usd", usd),
    chart("Tokens", "tokens", count),
    h("section", { class: "panel" }, h("header", null, h("h2", null, "Models, last 24 hours")), modelTable(models)),
    h("section", { class: "panel" }, h("header", null, h("h2", null, "Tools, last 24 hours"), h("a", { href: "/tools" }, "all tools")), toolTable(tools)),
  );
}

/** @param {import("../kit/kinds.js").ModelFigures[]} models */
function modelTable(models) {
  if (!models.length) return h("div", { class: "empty" }, "No model was asked.");
  const slowest = Math.max(...models.map((model) => model.p95_ms ?? 0));
  return h("div", { class: "wide" }, h("table", { class: "plain" },
    h("thead", null, h("tr", null, h("th", { scope: "col" }, "model"), h("th", { scope: "col", class: "num" }, "calls"), h("th", { scope: "col", class: "num" }, "failed"), h("th", { scope: "col" }, "p50 to p95"))),
    h("tbody", null, models.map((model) => h("tr", null, h("td", { class: "mono" }, model.model), h("td", { class: "num" }, count(model.calls)),
      h("td", { class: `num ${model.failed ? "bad" : ""}` }, count(model.failed)), h("td", null, spread(model.p50_ms, model.p95_ms, slowest)))))));
}

/** @param {import("../kit/kinds.js").ToolFigures[]} tools */
function toolTable(tools) {
  if (!tools.length) return h("div", { class: "empty" }, "No tool was called.");
  const worst = [...tools].sort((a, b) => b.failed / Math.max(b.calls, 1) - a.failed / Math.max(a.calls, 1) || b.calls - a.calls).slice(0, 8);
  return h("div", { class: "wide", tabindex: 0, role: "region", "aria-label": "Tools" }, h("table", { class: "plain" },
    h("thead", null, h("tr", null, h("th", { scope: "col" }, "tool"), h("th", { scope: "col", class: "num", style: { width: "64px" } }, "calls"), h("th", { scope: "col", class: "num", style: { width: "96px" } }, "P(success)"), h("th", { scope: "col", class: "num" }, "p95"))),
    h("tbody", null, worst.map((tool) => h("tr", null, h("td", { class: "mono" }, tool.tool), h("td", { class: "num" }, count(tool.calls)),
      h("td", { class: `num ${tool.failed ? "bad" : ""}` }, tool.calls ? share(tool.ok / tool.calls) : "–"),
      h("td", { class: "num" }, tool.p95_ms === null ? "–" : lasting(tool.p95_ms)))))));
}

function drawRecent() {
  const rows = data.sessions.sessions;
  fill(recent, h("header", null, h("h2", null, "Sessions"), h("a", { href: "/sessions" }, "all sessions")),
    rows.length
      ? h("table", null, h("tbody", null, rows.map((row) => h("tr", { "data-open": true, onclick: () => location.assign(`/sessions/${encodeURIComponent(row.id)}`) },
          h("td", { style: { width: "150px" } }, status(row.status, row.why)),
          h("td", null, h("a", { href: `/sessions/${encodeURIComponent(row.id)}` }, row.about || row.id), " ", h("small", null, row.agent)),
          h("td", { class: "num", style: { width: "84px" } }, usd(row.cost_usd)), h("td", { class: "num narrow-hide", style: { width: "112px" } }, when(row.changed))))))
      : h("div", { class: "empty" }, "No sessions yet. Give an agent something to do:", h("code", null, "POST /v1/sessions"), h("a", { href: "/agents" }, "or talk to one here")));
}

function drawFlags() {
  const rows = data.flags.flags;
  fill(flags, h("header", null, h("h2", null, "Flags"), h("a", { href: "/flags" }, "all flags")),
    rows.length
      ? h("table", null, h("tbody", null, rows.map((flag) => h("tr", null, h("td", { style: { width: "110px" } }, h("span", { class: "tag", "data-mood": alarm(flag) }, flag.kind.replaceAll("_", " "))),
          h("td", null, h("a", { href: `/sessions/${encodeURIComponent(flag.session)}#${flag.seq}` }, flag.reason || flag.what)), h("td", { class: "num", style: { width: "112px" } }, when(flag.at))))))
      : h("div", { class: "empty" }, "Nothing was flagged. Honeypots, injections, loops and calls in doubt appear here."));
}

drawTiles();
drawCharts();
drawRecent();
drawFlags();

let due = false;
changes((sessions) => {
  const known = new Map(data.sessions.sessions.map((row) => [row.id, row]));
  for (const row of sessions) known.set(row.id, row);
  data.sessions.sessions = [...known.values()].sort((a, b) => b.changed - a.changed).slice(0, 12);
  drawRecent();
  if (due) return;
  due = true;
  setTimeout(async () => {
    due = false;
    try {
      [data.overview, data.flags] = await Promise.all([get("/v1/overview"), get("/v1/flags", { limit: 6 })]);
    } catch {
      return;
    }
    drawTiles();
    drawFlags();
  }, 1500);
});
