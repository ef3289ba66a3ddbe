// One agent: what it is, and a chat to try it.

import "../kit/frame.js";
import { get, post, sessionPath } from "../kit/api.js";
import { card } from "../kit/decide.js";
import { fill, h } from "../kit/dom.js";
import { count, json, lasting, share, status, usd, when } from "../kit/format.js";
import { follow } from "../kit/live.js";
import { given, main, may } from "../kit/page.js";
import { body, said } from "../kit/step.js";
import { trying } from "../kit/toast.js";

/** @typedef {import("../kit/kinds.js").Plain} Plain */
/** @type {{agent: {name: string, version: string, model: string, instructions: string, tools: string[]}, figures: import("../kit/kinds.js").AgentFigures | null, tools: {name: string, description: string, effect: string, dangerous: boolean, withheld: string}[], sessions: import("../kit/kinds.js").Summary[]}} */
const { agent, figures, tools, sessions } = given();

const talk = h("div", { class: "talk body", role: "log", "aria-label": "Conversation" }, h("p", { class: "muted" }, may("work") ? `Say something to ${agent.name}. It is a real session: its tools act, and it costs what it costs.` : "Your role may look, not give work to agents."));
const waits = h("div", { class: "waits" });
const place = h("span", { class: "row" });
const text = h("textarea", { rows: 3, "aria-label": "Message to the agent", placeholder: "Message", onkeydown: (/** @type {KeyboardEvent} */ event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    form.requestSubmit();
  }
} });
const form = h("form", { class: "write body", onsubmit: (/** @type {SubmitEvent} */ event) => {
  event.preventDefault();
  void send();
} }, text, h("button", { class: "main" }, "Send"));

document.title = `${agent.name} · Remit`;
main.append(
  h("div", { class: "head" }, h("h1", null, agent.name, h("small", null, `version ${agent.version} · ${agent.model}`))),
  h("div", { class: "chat" },
    h("section", { class: "panel" }, h("header", null, h("h2", null, "Chat"), place), waits, talk, may("work") ? form : null),
    h("div", { class: "waits" },
      h("section", { class: "panel" }, h("header", null, h("h2", null, "Last seven days")), h("div", { class: "body" }, figures
        ? h("dl", { class: "facts" }, [["runs", count(figures.runs)], ["done", figures.runs ? share(figures.done / figures.runs) : "–"], ["failed", count(figures.failed)], ["cost", usd(figures.cost_usd)], ["cost a run", figures.cost_per_run_usd === null ? "–" : usd(figures.cost_per_run_usd)], ["tokens a step", figures.tokens_per_step === null ? "–" : count(Math.round(figures.tokens_per_step))], ["p50 / p95", figures.p50_ms === null ? "–" : `${lasting(figures.p50_ms)} / ${lasting(figures.p95_ms ?? 0)}`]].map(([name, value]) => [h("dt", null, name), h("dd", null, value)]))
        : h("p", { class: "muted" }, "It has not run yet."))),
      h("section", { class: "panel" }, h("header", null, h("h2", null, "Instructions")), h("div", { class: "body part" }, agent.instructions ? body(agent.instructions) : h("p", { class: "muted" }, "none"))),
      h("section", { class: "panel" }, h("header", null, h("h2", null, `Tools (${tools.length})`)), h("table", { class: "plain" }, h("tbody", null, tools.map((tool) => h("tr", null, h("td", null, h("b", { class: "mono" }, tool.name), " ", h("span", { class: "tag", "data-mood": tool.effect === "read" ? "plain" : "warn" }, tool.effect), tool.dangerous ? h("span", { class: "tag", "data-mood": "bad" }, "dangerous") : null, tool.withheld ? h("span", { class: "tag", "data-mood": "bad" }, "withheld") : null, h("div", { class: "muted" }, tool.description))))))),
      h("section", { class: "panel" }, h("header", null, h("h2", null, "Sessions"), h("a", { href: `/sessions?agent=${encodeURIComponent(agent.name)}` }, "all")), h("table", null, h("tbody", null, sessions.map((row) => h("tr", null, h("td", { style: { width: "130px" } }, status(row.status, row.why)), h("td", null, h("a", { href: `/sessions/${encodeURIComponent(row.id)}` }, row.about || row.id)), h("td", { class: "num", style: { width: "112px" } }, when(row.changed))))))))));

let session = "";
/** @type {HTMLElement | null} */
let written = null;

/** @param {Node} element */
function add(element) {
  const low = talk.scrollHeight - talk.scrollTop - talk.clientHeight < 80;
  talk.append(element);
  if (low) talk.scrollTop = talk.scrollHeight;
}

async function send() {
  const words = text.value.trim();
  if (!words) return;
  const key = crypto.randomUUID();
  text.value = "";
  const done = await trying(async () => {
    if (session) return void (await post(`${sessionPath(session)}/messages`, { text: words, key }));
    const made = await post("/v1/sessions", { agent: agent.name, text: words, key });
    session = made.id;
    fill(talk);
    fill(place, h("a", { href: `/sessions/${encodeURIComponent(session)}` }, "its trace"), h("button", { type: "button", class: "quiet", onclick: () => location.reload() }, "New chat"));
    follow(session, 0, { record: heard, delta: spoken });
  });
  if (!done) text.value = words;
}

/** @param {{text: string, fresh: boolean}} delta */
function spoken(delta) {
  if (!written) {
    written = h("div", { class: "said", "data-who": "model" }, h("span", { class: "speaker" }, agent.name), h("pre", null));
    add(written);
  }
  const words = written.querySelector("pre");
  if (!words) return;
  if (delta.fresh) words.textContent = "";
  words.append(delta.text);
  talk.scrollTop = talk.scrollHeight;
}

/** @param {Plain} record */
function heard(record) {
  const { kind, fields } = record;
  if (kind === "MessageReceived") add(said("person", fields.by, fields.text, fields.parts));
  else if (kind === "ModelAnswered") {
    written?.remove();
    written = null;
    if (fields.text) add(said("model", agent.name, fields.text));
    for (const call of fields.calls) add(h("div", { class: "said small", "data-who": "tool" }, h("span", { class: "speaker" }, `wants ${call.tool}`), h("span", { class: "muted mono clip" }, json(call.args))));
  } else if (kind === "ModelFailed") add(h("p", { class: "bad" }, fields.error));
  else if (kind === "EffectEnded") add(h("div", { class: "said small", "data-who": "tool" }, h("span", { class: "speaker" }, `→ ${fields.outcome.status}`), h("span", { class: "muted mono clip" }, json(fields.outcome.output))));
  else if (kind === "RunEnded") {
    written?.remove();
    written = null;
    if (fields.status !== "done") add(h("p", { class: "bad" }, `${fields.status}: ${fields.reason}`));
  }
  if (kind === "RunSuspended" || kind === "RunResumed" || kind === "RunEnded") void asks();
}

async function asks() {
  await trying(async () => {
    const view = await get(sessionPath(session));
    fill(waits, view.waits.map((/** @type {import("../kit/decide.js").Waiting} */ one) => card(one, { done: () => void asks() })));
  });
}
