// The list of sessions: live, filtered, searched; its address says what it shows.

import "../kit/frame.js";
import { address, get } from "../kit/api.js";
import { fill, h } from "../kit/dom.js";
import { count, status, usd, when } from "../kit/format.js";
import { bind } from "../kit/keys.js";
import { changes } from "../kit/live.js";
import { given, main } from "../kit/page.js";
import { Table } from "../kit/table.js";
import { trying } from "../kit/toast.js";

/** @typedef {import("../kit/kinds.js").Summary} Summary */
/** @type {{listing: import("../kit/kinds.js").Listing, page: import("../kit/kinds.js").Summaries, agents: string[]}} */
const data = given();
const listing = data.listing;
/** @type {Map<string, Summary>} */
const known = new Map();
/** @type {string | null} */
let next = data.page.next;
let total = data.page.total;
let asking = false;
let turn = 0;

const said = h("span", { class: "muted", role: "status" });
const search = h("input", { type: "search", placeholder: "words of a message, or an id", "aria-label": "Search in messages", value: listing.text, oninput: () => later() });
const agent = choice("Agent", [["", "every agent"], ...[...new Set([...data.agents, listing.agent])].filter(Boolean).map((name) => /** @type {[string, string]} */ ([name, name]))], listing.agent, (value) => (listing.agent = value));
const which = choice("Status", [["", "any status"], ["running", "running"], ["waiting", "waiting"], ["idle", "at rest"], ["closed", "closed"]], listing.status, (value) => (listing.status = value));
const ended = choice("Last run", [["", "any end"], ["done", "done"], ["failed", "failed"], ["stopped", "stopped or refused"], ["cancelled", "cancelled"]], listing.ended, (value) => (listing.ended = value));

/**
 * @param {string} label
 * @param {[string, string][]} options
 * @param {string} chosen
 * @param {(value: string) => void} set
 */
function choice(label, options, chosen, set) {
  const select = h("select", { "aria-label": label, onchange: () => {
    set(select.value);
    void reload();
  } }, options.map(([value, text]) => h("option", { value, selected: value === chosen }, text)));
  return select;
}

/** @type {Table<Summary>} */
const table = new Table({
  label: "Sessions",
  key: (row) => row.id,
  href: (row) => `/sessions/${encodeURIComponent(row.id)}`,
  empty: "No session fits. Sessions appear here as soon as an agent is given work.",
  sort: (order) => {
    listing.order = order;
    void reload();
  },
  more: () => void more(),
  columns: [
    { title: "status", width: "150px", show: (row) => status(row.status, row.why) },
    { title: "about", show: (row) => h("a", { href: `/sessions/${encodeURIComponent(row.id)}`, title: row.id }, row.about || row.id) },
    { title: "agent", width: "150px", narrow: false, show: (row) => row.agent },
    { title: "waits", width: "64px", num: true, narrow: false, show: (row) => (row.waits ? h("span", { class: "warn" }, row.waits) : "") },
    { title: "flags", width: "60px", num: true, narrow: false, show: (row) => (row.flags ? h("span", { class: "bad" }, row.flags) : "") },
    { title: "steps", width: "74px", num: true, narrow: false, order: "steps", show: (row) => count(row.steps) },
    { title: "tokens", width: "84px", num: true, narrow: false, show: (row) => count(row.tokens) },
    { title: "cost", width: "86px", num: true, order: "cost", show: (row) => usd(row.cost_usd) },
    { title: "opened", width: "112px", num: true, narrow: false, order: "opened", show: (row) => when(row.opened) },
    { title: "changed", width: "112px", num: true, narrow: false, order: "changed", show: (row) => when(row.changed) },
  ],
});

main.append(
  h("div", { class: "head" }, h("h1", null, "Sessions", said), search, agent, which, ended),
  h("section", { class: "panel" }, table.element),
);

function draw() {
  table.head(listing.order);
  table.put([...known.values()]);
  fill(said, total === null ? `${count(known.size)}${next ? "+" : ""}` : count(total));
}

/** @param {import("../kit/kinds.js").Summaries} page */
function take(page) {
  for (const row of page.sessions) known.set(row.id, row);
  next = page.next;
  total = page.total ?? null;
}

function query() {
  return { status: listing.status, ended: listing.ended, agent: listing.agent, text: listing.text, flag: listing.flag, order: listing.order, limit: 200 };
}

async function reload() {
  const mine = ++turn;
  history.replaceState(null, "", address("/sessions", { ...query(), text: "", limit: "", q: listing.text, order: listing.order === "changed" ? "" : listing.order }));
  await trying(async () => {
    const page = await get("/v1/summaries", query());
    if (mine !== turn) return;
    known.clear();
    take(page);
    table.element.scrollTop = 0;
    draw();
  });
}

async function more() {
  if (asking || next === null) return;
  asking = true;
  const mine = turn;
  await trying(async () => {
    const page = await get("/v1/summaries", { ...query(), after: next });
    if (mine !== turn) return;
    take(page);
    draw();
  });
  asking = false;
}

/** @type {number | undefined} */
let timer;
function later() {
  clearTimeout(timer);
  timer = setTimeout(() => {
    listing.text = search.value.trim();
    void reload();
  }, 180);
}

/** @param {Summary} row */
function fits(row) {
  return (
    !listing.text && !listing.flag && !listing.ended &&
    (!listing.agent || row.agent === listing.agent) && (!listing.status || row.status === listing.status)
  );
}

changes((sessions) => {
  let fresh = false;
  for (const row of sessions) {
    if (known.has(row.id)) known.set(row.id, row);
    else if (fits(row)) {
      known.set(row.id, row);
      fresh = true;
    }
  }
  if (listing.order === "changed" || fresh) {
    const order = listing.order === "opened" ? "opened" : listing.order === "cost" ? "cost_usd" : listing.order === "steps" ? "steps" : "changed";
    const sorted = [...known.values()].sort((a, b) => b[order] - a[order]);
    known.clear();
    for (const row of sorted) known.set(row.id, row);
  }
  if (fresh && total !== null) total += 1;
  draw();
});

bind("j", "next row", () => table.move(1));
bind("k", "row before", () => table.move(-1));
bind("Enter", "open the row", () => {
  const row = table.rows[table.current];
  if (row) location.assign(`/sessions/${encodeURIComponent(row.id)}`);
});

take(data.page);
draw();
