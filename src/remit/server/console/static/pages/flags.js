// What people should look at, newest first.

import "../kit/frame.js";
import { address, get } from "../kit/api.js";
import { h } from "../kit/dom.js";
import { alarm, when } from "../kit/format.js";
import { changes } from "../kit/live.js";
import { given, main } from "../kit/page.js";
import { Table } from "../kit/table.js";
import { trying } from "../kit/toast.js";

/** @typedef {import("../kit/kinds.js").Flag} Flag */
/** @type {{kind: string, page: {flags: Flag[], next: string | null}}} */
const data = given();
let kind = data.kind;
let rows = data.page.flags;
let next = data.page.next;
let asking = false;
let turn = 0;

/** @type {Table<Flag>} */
const table = new Table({
  label: "Flags",
  key: (flag) => `${flag.session} ${flag.seq}`,
  href: (flag) => `/sessions/${encodeURIComponent(flag.session)}#${flag.seq}`,
  empty: "Nothing was flagged. A touched honeypot, a suspected injection, a loop, an alarm and a call in doubt appear here.",
  more: () => void more(),
  columns: [
    { title: "kind", width: "120px", show: (flag) => h("span", { class: "tag", "data-mood": alarm(flag) }, flag.kind.replaceAll("_", " ")) },
    { title: "why", show: (flag) => h("a", { href: `/sessions/${encodeURIComponent(flag.session)}#${flag.seq}` }, flag.reason || flag.what) },
    { title: "tool", width: "150px", narrow: false, show: (flag) => h("span", { class: "mono" }, flag.tool) },
    { title: "agent", width: "140px", narrow: false, show: (flag) => flag.agent },
    { title: "state", width: "100px", narrow: false, show: (flag) => (flag.kind === "in_doubt" ? (flag.resolved ? "settled" : h("a", { href: "/approvals" }, "open")) : flag.level) },
    { title: "when", width: "112px", num: true, show: (flag) => when(flag.at) },
  ],
});
const kinds = h("select", { "aria-label": "Kind", onchange: () => {
  kind = kinds.value;
  history.replaceState(null, "", address("/flags", { kind }));
  void reload();
} }, [["", "every kind"], ["honeypot", "honeypots"], ["injection", "injections"], ["in_doubt", "in doubt"], ["loop", "loops"], ["guard", "guards"], ["alarm", "alarms"], ["other", "others"]].map(([value, text]) => h("option", { value, selected: value === kind }, text)));
main.append(h("div", { class: "head" }, h("h1", null, "Flags"), kinds), h("section", { class: "panel" }, table.element));

async function reload() {
  const mine = ++turn;
  await trying(async () => {
    const page = await get("/v1/flags", { kind, limit: 200 });
    if (mine !== turn) return;
    rows = page.flags;
    next = page.next;
    table.put(rows);
  });
}

async function more() {
  if (asking || next === null) return;
  asking = true;
  const mine = turn;
  await trying(async () => {
    const page = await get("/v1/flags", { kind, limit: 200, cursor: next });
    if (mine !== turn) return;
    rows = [...rows, ...page.flags];
    next = page.next;
    table.put(rows);
  });
  asking = false;
}

let due = false;
changes((sessions) => {
  // New flags come with a session that changed; while somebody reads further down, they are not moved away.
  if (due || table.element.scrollTop > 0 || !sessions.some((one) => one.flags)) return;
  due = true;
  setTimeout(() => {
    due = false;
    void reload();
  }, 1500);
});
table.put(rows);
