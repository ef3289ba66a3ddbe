// One session: what it did, what was said, what waits; and what can be done about it.

import "../kit/frame.js";
import { get, post, remove, sessionPath } from "../kit/api.js";
import { card } from "../kit/decide.js";
import { asked, confirmed } from "../kit/dialog.js";
import { fill, h } from "../kit/dom.js";
import { count, lasting, status, usd, when } from "../kit/format.js";
import { bind } from "../kit/keys.js";
import { follow } from "../kit/live.js";
import { given, main, may } from "../kit/page.js";
import { body, said, show } from "../kit/step.js";
import { toast, trying } from "../kit/toast.js";
import { nodes, Tree } from "../kit/tree.js";

/** @typedef {import("../kit/tree.js").Node} Node */
/**
 * @typedef {object} SessionView
 * @property {string} id
 * @property {string} agent
 * @property {string} status
 * @property {string} why
 * @property {number} opened
 * @property {number} changed
 * @property {number} seq
 * @property {number} runs
 * @property {number} unread
 * @property {number} spent_usd
 * @property {string} parent
 * @property {string} forked
 * @property {string[]} labels
 * @property {import("../kit/decide.js").Waiting[]} waits
 * @property {{run: number, status: string, output: unknown, reason: string, spent_usd: number} | null} last
 */

/** @type {{session: SessionView, nodes: any[][]}} */
let data = given();
let all = nodes(data.nodes);
const id = data.session.id;

const head = h("div", { class: "head" });
const waits = h("div", { class: "waits" });
const figures = h("p", { class: "row muted" });
const detail = h("section", { class: "panel detail", "aria-label": "The chosen step" }, h("div", { class: "empty" }, "Choose a step to see what went in and what came out."));
const talk = h("div", { class: "talk body" });
const written = h("div", { class: "said", "data-who": "model", hidden: true });
const tree = new Tree((node) => {
  history.replaceState(null, "", `#${node.seq}`);
  void show(detail, id, node, actions(node));
});
const find = h("input", { type: "search", placeholder: "find in this session", "aria-label": "Find in this session", oninput: () => tree.search(find.value.trim()) });
const traceTab = h("button", { type: "button", "aria-pressed": "true" }, "Trace");
const talkTab = h("button", { type: "button", "aria-pressed": "false" }, "Conversation");
const write = h("form", { class: "write", onsubmit: send }, h("textarea", { rows: 2, name: "text", "aria-label": "Message to the agent", placeholder: "Message to the agent" }), h("button", { class: "main" }, "Send"));
const left = h("section", { class: "panel" }, h("header", null, traceTab, talkTab, find), tree.element, talk);

main.append(head, figures, waits, h("div", { class: "session" }, left, detail));
talk.hidden = true;

for (const [tab, shown] of /** @type {[HTMLElement, HTMLElement][]} */ ([[traceTab, tree.element], [talkTab, talk]])) {
  tab.addEventListener("click", () => {
    for (const one of [tree.element, talk]) one.hidden = one !== shown;
    for (const one of [traceTab, talkTab]) one.setAttribute("aria-pressed", String(one === tab));
    find.hidden = shown !== tree.element;
    if (shown === talk) {
      drawTalk();
      void readTalk();
    } else tree.table.redraw();
  });
}

/** @param {SubmitEvent} event */
async function send(event) {
  event.preventDefault();
  const field = write.elements.namedItem("text");
  if (!(field instanceof HTMLTextAreaElement) || !field.value.trim()) return;
  const text = field.value;
  // With a key: a message that was sent twice is received once.
  if (await trying(() => post(`${sessionPath(id)}/messages`, { text, key: crypto.randomUUID() }))) field.value = "";
}

/**
 * What can be done at a step.
 * @param {Node} node
 */
function actions(node) {
  if (!may("work")) return null;
  const before = node.kind === "message";
  return [
    h("button", { type: "button", onclick: () => fork(node) }, before ? "Fork here with another message…" : "Fork from here…"),
    node.kind === "run" && node.status === "failed" ? h("span", { class: "muted" }, "a fork of a run that failed goes on from its last good step") : null,
  ];
}

/** @param {Node} node */
async function fork(node) {
  const message = node.kind === "message";
  /** @type {import("../kit/step.js").Step | null} */
  let step = null;
  if (!(await trying(async () => (step = await get(`${sessionPath(id)}/steps/${node.seq}`)))) || !step) return;
  const records = /** @type {import("../kit/step.js").Step} */ (step).records;
  const at = message ? node.seq - 1 : (records.at(-1)?.seq ?? node.seq);
  const text = h("textarea", { rows: 6, "aria-label": "Message", value: message ? (records[0]?.fields.text ?? "") : "" });
  const wanted = await asked(
    {
      title: message ? "Fork with another message" : `Fork after event ${at}`,
      body: h("p", { class: "muted" }, message ? "A new session with the past up to this message, which you can change. The one you look at stays as it is." : "A new session with the past up to this step; it goes on from there. Effects of the past are not made again; those after it are."),
      act: "Fork",
    },
    message ? h("label", { class: "field" }, h("span", null, "Message"), text) : null,
    () => {
      if (message && !text.value.trim()) throw new Error("Write a message.");
      return text.value;
    },
  );
  if (wanted === null) return;
  await trying(async () => {
    const made = await post(`${sessionPath(id)}/fork`, { at });
    if (message) await post(`${sessionPath(made.id)}/messages`, { text: wanted });
    else if (made.status === "paused" || made.status === "running") await post(`${sessionPath(made.id)}/resume`);
    location.assign(`/compare?a=${encodeURIComponent(id)}&b=${encodeURIComponent(made.id)}`);
  });
}

/**
 * @param {string} act
 * @param {string} title
 * @param {string} words
 * @param {boolean} danger
 */
async function steer(act, title, words, danger) {
  const reason = await confirmed({ title, body: h("p", { class: "muted" }, words), act: title.replace(/\?$/, ""), danger, reason: "Reason (kept in the journal)" });
  if (reason === null) return;
  if (await trying(() => post(`${sessionPath(id)}/${act}`, { reason }), "done")) void refresh();
}

async function replay() {
  await trying(async () => {
    const { runs, diverged } = await post(`${sessionPath(id)}/replay`);
    await confirmed({
      title: diverged ? "The replay went another way" : "The replay did the same",
      act: "Close",
      body: h("div", null, h("p", { class: "muted" }, "The agent's strategy was driven over what is recorded; nothing was asked or done."),
        h("table", { class: "plain" }, h("thead", null, h("tr", null, h("th", { scope: "col" }, "run"), h("th", { scope: "col", class: "num" }, "moves"), h("th", { scope: "col" }, "divergence"))),
          h("tbody", null, runs.map((/** @type {any} */ run) => h("tr", null, h("td", null, run.run), h("td", { class: "num" }, run.moves), h("td", { class: run.divergence ? "bad" : "good" }, run.divergence || "none")))))),
    });
  });
}

async function close() {
  const sure = await confirmed({ title: "Close this session?", body: h("p", { class: "muted" }, "It takes no more messages. Its journal stays."), act: "Close it", danger: true });
  if (sure !== null && (await trying(() => remove(sessionPath(id)), "closed"))) void refresh();
}

function drawHead() {
  const session = data.session;
  const first = all.find((node) => node.kind === "message");
  const alive = session.status === "running" || session.status === "waiting" || session.status === "paused";
  const shownStatus = session.status === "idle" && session.last ? status("idle", session.last.status) : status(session.status, session.waits[0]?.kind ?? "");
  document.title = `${first?.text || id} · Remit`;
  fill(
    head,
    h("h1", null, first?.text || id, shownStatus),
    may("stop") && session.status === "running" ? h("button", { type: "button", onclick: () => steer("pause", "Pause?", "It stops after the step it is in, until somebody resumes it.", false) }, "Pause") : null,
    may("stop") && session.status === "paused" ? h("button", { class: "main", type: "button", onclick: async () => (await trying(() => post(`${sessionPath(id)}/resume`), "resumed")) && refresh() }, "Resume") : null,
    may("stop") && alive ? h("button", { class: "danger", type: "button", onclick: () => steer("cancel", "Kill this run?", "It ends at its next step, at once when it sleeps. What was done stays done.", true) }, "Kill") : null,
    may("work") ? h("button", { type: "button", onclick: () => void replay() }, "Replay") : null,
    session.forked ? h("a", { class: "button", href: `/compare?a=${encodeURIComponent(session.forked.split("@")[0] ?? "")}&b=${encodeURIComponent(id)}` }, "Compare with its source") : null,
    h("a", { class: "button", href: `${sessionPath(id)}/export`, download: true }, "Export"),
    may("stop") && session.status === "idle" ? h("button", { class: "quiet", type: "button", onclick: () => void close() }, "Close") : null,
  );
  const calls = all.filter((node) => node.kind === "tool" || node.kind === "model").length;
  const tokens = all.reduce((sum, node) => sum + node.tokens, 0);
  fill(
    figures,
    h("span", { class: "mono" }, id), h("a", { href: `/agents/${encodeURIComponent(session.agent)}` }, session.agent), h("span", null, usd(session.spent_usd), " spent"), h("span", null, `${count(calls)} steps`), h("span", null, `${count(tokens)} tokens`),
    h("span", null, "opened ", when(session.opened)), h("span", null, `lasted ${lasting(Math.max(session.changed - session.opened, 0))}`),
    session.unread ? h("span", { class: "warn" }, `${session.unread} unread`) : null,
    session.parent ? h("a", { href: `/sessions/${encodeURIComponent(session.parent)}` }, "its parent") : null,
    session.forked ? h("span", null, `forked from ${session.forked}`) : null,
    session.labels.map((label) => h("span", { class: "tag", "data-mood": "warn" }, label)),
    session.why && session.status !== "idle" ? h("span", null, session.why) : null,
  );
}

function drawWaits() {
  const open = document.querySelector("dialog[open]");
  if (open) return;
  fill(waits, data.session.waits.map((one) => card(one, { done: () => void refresh() })));
}

/** @type {string[]} The newest messages, whole; the trace has the beginning of each. */
let texts = [];

async function readTalk() {
  await trying(async () => {
    const { messages } = await get(`${sessionPath(id)}/state`);
    texts = messages.map((/** @type {any} */ one) => one.fields.text).filter(Boolean);
    drawTalk();
    talk.scrollTop = talk.scrollHeight;
  });
}

/** @param {string} text */
function whole(text) {
  if (!text.endsWith("…")) return text;
  const start = text.slice(0, -1);
  return texts.find((one) => one.slice(0, 4000).trim().split(/\s+/).join(" ").startsWith(start)) ?? text;
}

function drawTalk() {
  // Hundreds of messages take their time; they are drawn for who looks at them.
  if (talk.hidden) return;
  const low = talk.scrollHeight - talk.scrollTop - talk.clientHeight < 60;
  const rows = all.filter((node) => node.kind === "message" || node.kind === "run" || node.kind === "tool" || (node.kind === "model" && node.depth === 1));
  const shown = rows.slice(-400);
  fill(talk, rows.length > shown.length ? h("p", { class: "muted" }, `${count(rows.length - shown.length)} before these; the trace has all`) : null,
    shown.map((node) => {
      if (node.kind === "message") return link(node, said("person", node.name, whole(node.text)));
      if (node.kind === "tool") return link(node, h("div", { class: "said small", "data-who": "tool" }, h("span", { class: "speaker" }, `${node.name} → ${node.status || "…"}`), h("span", { class: "muted mono clip" }, node.text)));
      if (node.kind === "model") return node.text ? link(node, said("model", node.name, whole(node.text))) : null;
      return node.status && node.took !== null ? link(node, h("div", { class: "said", "data-who": "end" }, h("span", { class: "speaker" }, `run ${node.status}`), body(data.session.last && node === all.filter((one) => one.kind === "run").at(-1) ? (data.session.last.output ?? data.session.last.reason) : node.text))) : null;
    }),
    written, may("work") && data.session.status !== "closed" ? write : null);
  if (low) talk.scrollTop = talk.scrollHeight;
}

/**
 * @param {Node} node
 * @param {HTMLElement} element
 */
function link(node, element) {
  element.addEventListener("click", () => {
    if (!getSelection()?.toString()) tree.choose(node.seq);
  });
  return element;
}

function draw() {
  drawHead();
  drawWaits();
  tree.put(all);
  drawTalk();
}

let busy = false;
let again = false;
async function refresh() {
  if (busy) {
    again = true;
    return;
  }
  busy = true;
  await trying(async () => {
    data = await get(`${sessionPath(id)}/trace`);
    all = nodes(data.nodes);
    draw();
    if (!talk.hidden) void readTalk();
  });
  // A long session is not drawn anew at every event.
  setTimeout(() => {
    busy = false;
    if (again) {
      again = false;
      void refresh();
    }
  }, all.length > 800 ? 2000 : 300);
}

draw();
if (location.hash) tree.choose(Number(location.hash.slice(1)));
else {
  // What went wrong is what people come for; without it the newest answer.
  const wanted = all.find((node) => node.mood === "bad" && node.kind !== "run") ?? all.findLast((node) => node.kind === "model") ?? null;
  if (wanted && innerWidth > 900) tree.choose(wanted.seq);
}
addEventListener("hashchange", () => tree.choose(Number(location.hash.slice(1))));
bind("n", "next step that went wrong", () => {
  const next = all.find((node) => node.mood === "bad" && node.seq > tree.seq) ?? all.find((node) => node.mood === "bad");
  if (next) tree.choose(next.seq);
  else toast("Nothing went wrong here.");
});

if (data.session.status !== "closed") {
  follow(id, data.session.seq, {
    record: (record) => {
      if (record.kind === "ModelAnswered" || record.kind === "ModelFailed" || record.kind === "RunEnded") {
        written.hidden = true;
        written.textContent = "";
      }
      void refresh();
    },
    delta: ({ text, fresh }) => {
      if (fresh) written.textContent = "";
      written.hidden = false;
      written.append(text);
      talk.scrollTop = talk.scrollHeight;
    },
  });
}
