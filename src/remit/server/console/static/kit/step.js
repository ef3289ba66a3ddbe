// One step, whole: what went in, what came out, who judged it, what it cost.

import { get, sessionPath } from "./api.js";
import { fill, h } from "./dom.js";
import { count, moment, pretty, usd } from "./format.js";
import { trying } from "./toast.js";

/** @typedef {import("./kinds.js").Plain} Plain */
/** @typedef {{seq: number, records: Plain[], messages: {kind: string, fields: any}[], earlier: number, offer: string[], call: any}} Step */

const NANOS = 1e9;
const LONG = 4000;

/**
 * A text or a value, cut when it is long; one can see all of it.
 * @param {unknown} value
 */
export function body(value) {
  const text = pretty(value);
  const code = h("pre", null, text.slice(0, LONG));
  if (text.length <= LONG) return code;
  const more = h("button", { type: "button", class: "quiet", onclick: () => {
    code.textContent = text;
    more.remove();
  } }, `show all ${count(text.length)} characters`);
  return h("div", null, code, more);
}

/**
 * @param {string} title
 * @param {...import("./dom.js").Child} children
 */
function part(title, ...children) {
  return h("section", { class: "part" }, h("h3", null, title), ...children);
}

/** @param {[string, import("./dom.js").Child][]} facts */
function facts(facts) {
  const shown = facts.filter(([, value]) => value !== null && value !== "" && value !== undefined && value !== 0);
  return shown.length ? h("dl", { class: "facts" }, shown.map(([name, value]) => [h("dt", null, name), h("dd", null, value)])) : null;
}

/**
 * What was said in a conversation, whoever said it.
 * @param {{kind: string, fields: any}} message
 */
export function message(message) {
  const { kind, fields } = message;
  if (kind === "UserMessage") return said("person", "said to it", fields.text, fields.parts);
  if (kind === "AssistantMessage") {
    return h("div", { class: "said", "data-who": "model" }, h("span", { class: "speaker" }, "model"), fields.text ? body(fields.text) : null,
      fields.calls.map((/** @type {any} */ call) => h("div", { class: "call" }, h("b", { class: "mono" }, call.tool), body(call.args))));
  }
  return h("div", { class: "said", "data-who": "tool" }, h("span", { class: "speaker" }, `${fields.tool} → ${fields.outcome.status}`), body(fields.outcome.output));
}

/**
 * @param {string} who
 * @param {string} speaker
 * @param {string} text
 * @param {any[]} [parts]
 */
export function said(who, speaker, text, parts = []) {
  return h("div", { class: "said", "data-who": who }, h("span", { class: "speaker" }, speaker), body(text),
    parts.map((part) => h("span", { class: "tag" }, part.name || part.url || part.media)));
}

/** @param {string} session @param {{blob: string, size: number}} outcome */
function whole(session, outcome) {
  if (!outcome.blob) return null;
  return h("a", { href: `${sessionPath(session)}/blobs/${outcome.blob}`, download: true }, `all ${count(outcome.size)} bytes`);
}

/**
 * @param {string} session
 * @param {Step} step
 */
function drawn(session, step) {
  const by = (/** @type {string} */ kind) => step.records.filter((record) => record.kind === kind);
  const last = (/** @type {string} */ kind) => by(kind).at(-1)?.fields;
  const asked = last("ModelAsked");
  if (asked) return model(step, asked, last("ModelAnswered"), last("ModelFailed"));
  if (step.records.some((record) => /^(Effect|Approval|Judged|Input)/.test(record.kind) || (record.kind === "Flagged" && record.fields.call))) return tool(session, step, by);
  const program = last("ProgramStarted");
  if (program) {
    const end = last("ProgramEnded");
    return [part("Program", facts([["box", program.tier], ["ended", end?.status ?? "not yet"], ["calls", end?.calls]]), body(program.code)),
      end ? part("Result", body(end.value)) : null, end?.stdout ? part("Printed", body(end.stdout)) : null, end?.error ? part("Error", h("div", { class: "bad" }, body(end.error))) : null];
  }
  const first = step.records[0];
  if (!first) return [];
  if (first.kind === "MessageReceived") return [part(`Message of ${first.fields.by}`, said("person", first.fields.by, first.fields.text, first.fields.parts))];
  if (first.kind === "RunOpened") {
    const end = last("RunEnded");
    return [part("Run", facts([["strategy", first.fields.strategy], ["worker", first.fields.worker], ["ended", end?.status ?? "not yet"], ["reason", end?.reason]])), end?.output !== null && end ? part("Output", body(end.output)) : null];
  }
  if (first.kind === "Noted") return [part(`Note: ${first.fields.kind}`, body(first.fields.body))];
  return [part(first.kind, body(first.fields))];
}

/**
 * @param {Step} step
 * @param {any} asked
 * @param {any} answered
 * @param {any} failed
 */
function model(step, asked, answered, failed) {
  const usage = answered?.usage;
  const said_ = [asked.say, asked.nudge].filter(Boolean);
  return [
    part("Answer",
      failed && !answered ? h("div", { class: "bad" }, body(failed.error)) : answered ? [answered.text ? body(answered.text) : null,
        answered.calls.map((/** @type {any} */ call) => h("div", { class: "call" }, h("b", { class: "mono" }, call.tool), body(call.args)))] : h("p", { class: "muted" }, "no answer yet"),
      answered?.problem ? h("p", { class: "warn" }, `unusable: ${answered.problem}`) : null),
    part("Cost", facts([["model", answered?.model || asked.model || "the agent's own"], ["role", asked.role], ["held", usd(asked.hold / NANOS)], ["cost", answered ? usd(answered.cost / NANOS) : failed ? usd(failed.cost / NANOS) : null],
      ["input", usage ? `${count(usage.input)} tokens${usage.cached ? `, ${count(usage.cached)} cached` : ""}` : null], ["output", usage ? `${count(usage.output)} tokens${usage.reasoning ? `, ${count(usage.reasoning)} of them reasoning` : ""}` : null],
      ["stopped by", answered?.stop], ["from a cache", answered?.hit ? "yes" : null]])),
    part("Shown to the model", step.earlier ? h("p", { class: "muted" }, `${count(step.earlier)} messages before these`) : null, step.messages.map(message), said_.map((text) => said("person", "asked now", text)),
      !step.messages.length && !said_.length ? h("p", { class: "muted" }, "nothing beside its instructions") : null),
    part(`Tools on offer (${step.offer.length})`, h("div", { class: "row" }, step.offer.map((name) => h("span", { class: "tag mono" }, name)))),
  ];
}

/**
 * @param {string} session
 * @param {Step} step
 * @param {(kind: string) => Plain[]} by
 */
function tool(session, step, by) {
  const made = step.records.map((record) => record.fields.made).filter(Boolean).at(-1);
  const ended = by("EffectEnded").at(-1)?.fields;
  const started = by("EffectStarted");
  const judged = by("Judged");
  const people = step.records.filter((record) => /^(Approval|Input|EffectReconciled|EffectInDoubt)/.test(record.kind));
  const args = made?.args ?? step.call?.args;
  return [
    ended
      ? part("Outcome", h("p", null, h("span", { class: "tag", "data-mood": ended.outcome.status === "ok" ? "good" : "bad" }, ended.outcome.status)), body(ended.outcome.output), whole(session, ended.outcome))
      : part("Outcome", h("p", { class: "muted" }, "none yet")),
    args ? part("Arguments", body(args)) : null,
    made && step.call && JSON.stringify(made.args) !== JSON.stringify(step.call.args) ? part("Asked for by the model", body(step.call.args)) : null,
    judged.length ? part("Judged by", h("table", { class: "plain" }, h("tbody", null, judged.map(({ fields }) => h("tr", null, h("td", { style: { width: "92px" } }, h("span", { class: "tag", "data-mood": fields.verdict === "deny" ? "bad" : "warn" }, fields.verdict)), h("td", null, h("b", null, fields.guard), " ", fields.reason)))))) : null,
    people.length ? part("People", people.map(({ kind, at, fields }) => h("div", { class: "said", "data-who": "person" }, h("span", { class: "speaker" }, `${fields.by ?? kind.replace(/([a-z])([A-Z])/g, "$1 $2").toLowerCase()} · ${moment(at)}`), body(fields.by ? { ...fields, by: undefined, digest: undefined } : fields.reason ?? fields.question ?? fields)))) : null,
    part("Cost", facts([["cost", ended ? usd(ended.cost / NANOS) : null], ["held", started.length ? usd(started.at(-1)?.fields.hold / NANOS) : null], ["attempts", ended && ended.attempts > 1 ? ended.attempts : null], ["waited", ended?.waited ? `${ended.waited} ms` : null], ["labels", ended ? ended.labels.join(", ") : null]])),
  ];
}

let turn = 0;

/**
 * Show a node in a panel, with all its events behind it.
 * @param {HTMLElement} panel
 * @param {string} session
 * @param {import("./tree.js").Node} node
 * @param {import("./dom.js").Child} actions
 */
export async function show(panel, session, node, actions) {
  const mine = ++turn;
  /** @type {Step | null} */
  let step = null;
  await trying(async () => {
    step = await get(`${sessionPath(session)}/steps/${node.seq}`);
  });
  // A long step that was asked for before may come after the one that is wanted now.
  if (!step || mine !== turn) return;
  const found = /** @type {Step} */ (step);
  const content = h("div", { class: "body" });
  const state = h("button", { type: "button", "aria-pressed": "false" }, "State here");
  const events = h("button", { type: "button", "aria-pressed": "false" }, `Events (${found.records.length})`);
  const about = h("button", { type: "button", "aria-pressed": "true" }, "Step");
  /** @param {HTMLElement} button @param {() => import("./dom.js").Child | Promise<import("./dom.js").Child>} make */
  const tab = (button, make) =>
    button.addEventListener("click", async () => {
      for (const one of [about, state, events]) one.setAttribute("aria-pressed", String(one === button));
      fill(content, await make());
    });
  tab(about, () => drawn(session, found));
  tab(events, () => found.records.map((record) => part(`${record.seq} ${record.kind} · ${moment(record.at)}`, body(record.fields))));
  tab(state, () => stateAt(session, found.records.at(-1)?.seq ?? node.seq));
  fill(panel, h("header", null, h("h2", null, h("i", { class: `kind k-${node.kind}` }), ` ${node.name}`), about, state, events), h("div", { class: "row actions" }, actions), content);
  fill(content, drawn(session, found));
}

/**
 * @param {string} session
 * @param {number} seq
 */
async function stateAt(session, seq) {
  /** @type {any} */
  let found = null;
  await trying(async () => {
    found = await get(`${sessionPath(session)}/state`, { at: seq });
  });
  if (!found) return null;
  const limits = Object.entries(found.limits).filter(([, value]) => value !== null && value !== "");
  return [
    part(`After event ${found.seq}`, facts([["status", found.status], ["run", found.run], ["spent", usd(found.spent_usd)], ["held", usd(found.held_usd)], ["tokens", count(found.tokens)], ["moves", found.moves], ["labels", found.labels.join(", ")], ["tools found", found.revealed.join(", ")]])),
    part("Limits", facts(limits.map(([name, value]) => [name, String(value)]))),
    found.inbox.length ? part("Unread messages", found.inbox.map((/** @type {string} */ text) => said("person", "waits", text))) : null,
    found.calls.length ? part("Calls of this run", h("table", { class: "plain" }, h("tbody", null, found.calls.map((/** @type {any} */ call) => h("tr", null, h("td", { class: "mono" }, call.tool), h("td", null, call.status), h("td", null, body(call.args))))))) : null,
    part("Conversation", found.earlier ? h("p", { class: "muted" }, `${count(found.earlier)} messages before these`) : null, found.messages.map(message)),
  ];
}
