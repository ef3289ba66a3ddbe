// What a tenant may spend and does, and the switches that stop an agent, a tool, or everything.

import "../kit/frame.js";
import { address, get, post, remove } from "../kit/api.js";
import { stacked } from "../kit/charts.js";
import { confirmed } from "../kit/dialog.js";
import { fill, h } from "../kit/dom.js";
import { clock, count, lasting, usd, when } from "../kit/format.js";
import { changes } from "../kit/live.js";
import { given, main, may, me } from "../kit/page.js";
import { outlook, spending } from "../kit/spending.js";
import { trying } from "../kit/toast.js";

/** @typedef {{kind: "agent" | "tenant" | "tool", name: string, by: string, at: number, reason: string}} Switch */
/** @typedef {{switches: Switch[], history: {at: number, by: string, what: string}[]}} Switches */
/** @typedef {{usd: number | null, session_usd: number | null, tree_usd: number | null, usd_per_minute: number | null, steps: number | null, tokens: number | null, seconds: number | null, depth: number, children: number, calls: number, max_output: number, unpriced: string}} Limits */
/** @typedef {{tenant: string, day: string, spent_usd: number, cap_usd: number | null, running: number, running_cap: number | null}} Budget */
/** @typedef {{held_usd: number, more: boolean, holds: {session: string, agent: string, held_usd: number, spent_usd: number}[]}} Holds */
/** @type {{now: number, budget: Budget, holds: Holds, figures: import("../kit/kinds.js").Figures, alarms: {flags: import("../kit/kinds.js").Flag[]}, agents: {name: string, limits: Limits}[], tools: string[], switches: Switches}} */
const data = given();
const HOUR = 3_600_000;

/**
 * @param {string} title
 * @param {...import("../kit/dom.js").Child} more
 */
function panel(title, ...more) {
  return h("section", { class: "panel", "aria-label": title }, h("header", null, h("h2", null, title), more));
}

/** @param {string[]} titles */
function heads(titles) {
  return h("thead", null, h("tr", null, titles.map((title) => h("th", { scope: "col", class: title.startsWith("$") || NUMBERS.has(title) ? "num" : "" }, title))));
}

const NUMBERS = new Set(["held", "spent", "a run", "a session", "a tree", "a minute", "steps", "tokens", "time"]);
const off = h("div", { class: "waits" });
const tiles = h("div", { class: "tiles" });
const day = h("div", { class: "body" });
const pace = h("div", { class: "body" });
const holds = h("div", { class: "wide" });
const alarms = h("div", { class: "wide" });
const switches = h("div", { class: "wide" });
const history = h("div", { class: "wide" });
const find = h("input", { type: "search", placeholder: "agent or tool", "aria-label": "Find a switch", oninput: () => drawSwitches() });

const dayPanel = panel("Spend of today (UTC)");
dayPanel.append(day);
const pacePanel = panel("Spend by hour and agent, last 24 hours");
pacePanel.append(pace);
const holdPanel = panel("Held for acts under way");
holdPanel.append(holds);
const alarmPanel = panel("Alarms", h("a", { href: "/flags?kind=alarm" }, "all alarms"));
alarmPanel.append(alarms);
const switchPanel = panel("Switches", find);
switchPanel.append(switches);
const historyPanel = panel("What was switched");
historyPanel.append(history);
const capPanel = panel("Limits of agents");
capPanel.append(h("div", { class: "wide" }, capTable()));
main.append(h("div", { class: "head" }, h("h1", null, "Limits", h("span", { class: "muted" }, me.tenant))), off, tiles, h("div", { class: "grid" }, dayPanel, pacePanel), switchPanel,
  h("div", { class: "grid" }, holdPanel, alarmPanel), capPanel, historyPanel);

function hours() {
  /** @type {Map<number, number>} */
  const sums = new Map();
  for (const one of data.figures.by_agent) sums.set(one.at, (sums.get(one.at) ?? 0) + one.cost_usd);
  return [...sums].sort((a, b) => a[0] - b[0]).map(([at, sum]) => ({ at, usd: sum }));
}

/**
 * @param {string} value
 * @param {string} label
 * @param {string} [mood]
 * @param {number | null} [used]
 */
function tile(value, label, mood = "", used = null) {
  return h("div", { class: "panel tile", "data-mood": mood }, h("b", null, value), h("span", null, label), used === null ? null
    : h("div", { class: "meter", "data-mood": mood, role: "meter", "aria-label": label, "aria-valuenow": Math.round(used * 100), "aria-valuemin": 0, "aria-valuemax": 100 }, h("i", { style: { width: `${Math.min(100, used * 100)}%` } })));
}

/** @param {number} used */
function mood(used) {
  return used >= 1 ? "bad" : used >= 0.8 ? "warn" : "";
}

function drawMoney() {
  const { budget } = data;
  const today = { now: data.now, spent: budget.spent_usd, cap: budget.cap_usd, hours: hours() };
  const { total, perHour, reached, ends } = outlook(today);
  const used = budget.cap_usd ? budget.spent_usd / budget.cap_usd : null;
  const busy = budget.running_cap ? budget.running / budget.running_cap : null;
  const after = budget.cap_usd !== null && total > budget.cap_usd;
  fill(tiles,
    tile(usd(budget.spent_usd), budget.cap_usd === null ? "spent and held today, no budget set" : `spent and held today of ${usd(budget.cap_usd)}`, mood(used ?? 0), used),
    tile(usd(total), reached !== null ? `by midnight UTC at this pace; the budget lasts until ${clock(reached)}` : "by midnight UTC at this pace", after ? "bad" : ""),
    tile(`${usd(perHour)} / h`, "pace of the last three hours"),
    tile(usd(data.holds.held_usd), "held for acts under way"),
    tile(count(budget.running), budget.running_cap === null ? "runs under way, no cap" : `runs under way of ${count(budget.running_cap)}`, mood(busy ?? 0), busy));
  fill(day, spending(today), h("p", { class: "muted" }, `${usd(budget.spent_usd)} by now; ${usd(total)} when ${budget.day} ends in ${lasting(ends - data.now)}, if it goes on as in the last three hours.`,
    budget.cap_usd === null ? " This tenant has no budget a day." : " What would go over the budget is refused before it is spent."));
  const { since, until, step, by_agent: byAgent } = data.figures;
  fill(pace, stacked({ label: "Spend by hour", since, until, step, show: usd, points: byAgent.map((one) => ({ at: one.at, name: one.name, value: one.cost_usd })) }));
}

function drawHolds() {
  const rows = data.holds.holds;
  fill(holds, rows.length
    ? h("table", { class: "plain" }, heads(["session", "agent", "held", "spent"]), h("tbody", null, rows.map((one) => h("tr", null, h("td", { class: "mono" }, h("a", { href: `/sessions/${encodeURIComponent(one.session)}` }, one.session)),
        h("td", null, one.agent), h("td", { class: "num" }, usd(one.held_usd)), h("td", { class: "num" }, usd(one.spent_usd))))))
    : h("div", { class: "empty" }, "Nothing is held. Before each question to a model and each call that costs money, its worst case is held, so no budget is ever passed."),
    data.holds.more ? h("p", { class: "muted body" }, "More sessions are under way than were looked at.") : null);
}

function drawAlarms() {
  const rows = data.alarms.flags;
  fill(alarms, rows.length
    ? h("table", { class: "plain" }, heads(["when", "session", "why"]), h("tbody", null, rows.map((one) => h("tr", null, h("td", null, when(one.at)), h("td", null, h("a", { href: `/sessions/${encodeURIComponent(one.session)}#${one.seq}` }, one.agent)), h("td", null, one.reason || one.what)))))
    : h("div", { class: "empty" }, "No alarm. A session that spends faster than its agent's limit a minute is paused, and shown here."));
}

function capTable() {
  const money = (/** @type {number | null} */ value) => h("td", { class: "num" }, value === null ? "–" : usd(value));
  const number = (/** @type {number | null} */ value) => h("td", { class: "num" }, value === null ? "–" : count(value));
  if (!data.agents.length) return h("div", { class: "empty" }, "No agent is served.");
  return h("table", { class: "plain" }, heads(["agent", "a run", "a session", "a tree", "a minute", "steps", "tokens", "time"]),
    h("tbody", null, data.agents.map(({ name, limits }) => h("tr", null, h("th", { scope: "row" }, h("a", { href: `/agents/${encodeURIComponent(name)}` }, name)), money(limits.usd), money(limits.session_usd), money(limits.tree_usd), money(limits.usd_per_minute),
      number(limits.steps), number(limits.tokens), h("td", { class: "num" }, limits.seconds === null ? "–" : lasting(limits.seconds * 1000))))));
}

// -- switches ---------------------------------------------------------------------------------------------------------

const EFFECTS = {
  agent: "Its runs stop after the step they are in, and no session of it begins. Messages are kept, and wait.",
  tenant: "All runs stop after the step they are in, and no session begins. Messages are kept, and wait.",
  tool: "From the next call on it is denied, in every session, and the agent is told who switched it off and why.",
};

function drawSwitches() {
  const known = data.switches.switches;
  const isOff = (/** @type {Switch["kind"]} */ kind, /** @type {string} */ name) => known.find((one) => one.kind === kind && one.name === name);
  /** @type {[Switch["kind"], string][]} */
  const all = [["tenant", me.tenant], ...data.agents.map((one) => /** @type {[Switch["kind"], string]} */ (["agent", one.name])), ...data.tools.map((name) => /** @type {[Switch["kind"], string]} */ (["tool", name]))];
  for (const one of known) if (!all.some(([kind, name]) => kind === one.kind && name === one.name)) all.push([one.kind, one.name]);
  const words = find.value.trim().toLowerCase();
  const rows = all.filter(([kind, name]) => `${kind} ${name}`.toLowerCase().includes(words)).sort((a, b) => Number(!isOff(...a)) - Number(!isOff(...b)));
  fill(switches, h("table", { class: "plain" }, h("thead", null, h("tr", null, h("th", { scope: "col", style: { width: "84px" } }, "kind"), h("th", { scope: "col" }, "name"), h("th", { scope: "col" }, "state"), h("th", { scope: "col", style: { width: "130px" } }, "act"))),
    h("tbody", null, rows.map(([kind, name]) => {
      const one = isOff(kind, name);
      return h("tr", null, h("td", null, kind), h("td", { class: "mono" }, name),
        h("td", null, one ? [h("span", { class: "tag", "data-mood": "bad" }, "off"), " ", h("small", null, "by ", one.by, " ", when(one.at), one.reason ? `: ${one.reason}` : "")] : h("span", { class: "tag", "data-mood": "good" }, "on")),
        h("td", { class: "num" }, !may("stop") ? "" : one ? h("button", { type: "button", "aria-label": `Switch ${kind} ${name} on`, onclick: () => void on(one) }, "Switch on")
          : h("button", { type: "button", class: "danger", "aria-label": `Switch ${kind} ${name} off`, onclick: () => void turnOff(kind, name) }, "Switch off")));
    }))), rows.length ? null : h("div", { class: "empty" }, "Nothing of this name."));
  fill(off, known.map((one) => h("section", { class: "panel wait", "data-kind": "doubt", role: "status" }, h("div", { class: "body" }, h("p", null, h("b", null, `${one.kind} ${one.name} is off`), ", switched ", when(one.at), ` by ${one.by}`, one.reason ? `: ${one.reason}` : "")))));
  const rowsOfHistory = data.switches.history;
  fill(history, rowsOfHistory.length
    ? h("table", { class: "plain" }, heads(["when", "who", "what"]), h("tbody", null, rowsOfHistory.map((one) => h("tr", null, h("td", null, when(one.at)), h("td", null, one.by), h("td", null, one.what)))))
    : h("div", { class: "empty" }, "Nothing was switched off yet. Who did, and why, is kept in the audit log."));
}

/**
 * @param {Switch["kind"]} kind
 * @param {string} name
 */
async function turnOff(kind, name) {
  const reason = await confirmed({ title: `Switch ${kind} ${name} off?`, body: h("p", null, EFFECTS[kind]), act: "Switch off", danger: true, reason: "Reason (others read it)", needed: true });
  if (reason !== null && (await trying(() => post("/v1/switches", { kind, name, reason }), `${kind} ${name} is off`))) await again();
}

/** @param {Switch} one */
async function on(one) {
  const reason = await confirmed({ title: `Switch ${one.kind} ${one.name} on again?`, body: h("p", null, `What ${one.by} stopped goes on at once.`), act: "Switch on", reason: "Reason" });
  if (reason !== null && (await trying(() => remove(address("/v1/switches", { kind: one.kind, name: one.name, reason })), `${one.kind} ${one.name} is on`))) await again();
}

async function again() {
  await trying(async () => (data.switches = await get("/v1/switches")));
  drawSwitches();
}

function draw() {
  drawMoney();
  drawHolds();
  drawAlarms();
}

draw();
drawSwitches();

let due = false;
async function refresh() {
  due = false;
  try {
    const now = Date.now();
    const until = now - (now % HOUR) + HOUR;
    const [budgets, held, figures, found, switched] = await Promise.all([get("/v1/budgets"), get("/v1/holds"), get("/v1/figures", { since: until - 24 * HOUR, until, step: HOUR }), get("/v1/flags", { kind: "alarm", limit: 10 }), get("/v1/switches")]);
    data.now = now;
    data.budget = budgets.budgets[0];
    data.holds = held;
    data.figures = figures;
    data.alarms = found;
    const before = JSON.stringify(data.switches);
    data.switches = switched;
    draw();
    if (before !== JSON.stringify(switched)) drawSwitches();
  } catch {
    // It is asked again with the next change.
  }
}

changes(() => {
  if (due) return;
  due = true;
  setTimeout(() => void refresh(), 2500);
});
setInterval(() => {
  if (!document.hidden && !due) void refresh();
}, 20_000);
