// What waits for a person, with exactly what it is about, and what they may say.

import { post, sessionPath } from "./api.js";
import { asked, confirmed } from "./dialog.js";
import { h } from "./dom.js";
import { json, when } from "./format.js";
import { may, me } from "./page.js";
import { body } from "./step.js";
import { toast, trying } from "./toast.js";

/**
 * @typedef {object} Waiting
 * @property {string} session
 * @property {string} agent
 * @property {string} call
 * @property {string} tool
 * @property {Record<string, any>} args
 * @property {"approval" | "doubt" | "question"} kind
 * @property {string} digest
 * @property {string} question
 * @property {number | null} asked
 * @property {number | null} expires
 * @property {any} form
 * @property {number} [persons]
 * @property {string[]} [granted_by]
 * @property {number | null} [escalates]
 * @property {boolean} [escalated]
 */

const TITLES = { approval: "waits for approval", doubt: "may or may not have happened", question: "asks" };

/** @param {Waiting} one */
function decided(one) {
  return `${sessionPath(one.session)}/${one.kind === "approval" ? "approvals" : one.kind === "doubt" ? "doubts" : "answers"}/${encodeURIComponent(one.call)}`;
}

/**
 * Approve or deny; give whether it was done.
 * @param {Waiting} one
 * @param {boolean} granted
 * @param {string} reason
 * @param {Record<string, any>} [args]
 */
export function decide(one, granted, reason, args) {
  // Only what was on the screen: a call that was edited meanwhile is another one.
  return trying(async () => {
    const view = await post(decided(one), { granted, reason, digest: one.digest, ...(args ? { args } : {}) });
    const missing = view.waits.some((/** @type {Waiting} */ other) => other.call === one.call && other.kind === "approval") && granted && !args;
    toast(missing ? `Your yes to ${one.tool} counts; somebody else must allow it too.` : `${one.tool} was ${granted ? "approved" : "denied"}`, "good");
  });
}

/**
 * Ask who looks for their decision.
 * @param {Waiting} one
 * @param {boolean} granted
 */
export async function askAndDecide(one, granted) {
  const reason = await confirmed({
    title: granted ? `Approve ${one.tool}?` : `Deny ${one.tool}?`,
    body: h("div", null, h("p", { class: "muted" }, granted ? "It runs with exactly these arguments:" : "The agent is told that it was denied, and why."), body(one.args)),
    act: granted ? "Approve" : "Deny",
    danger: !granted,
    reason: granted ? "Reason (kept in the journal)" : "Reason (the agent reads it)",
  });
  return reason === null ? false : decide(one, granted, reason);
}

/**
 * Change the arguments; it is then another call, which is judged again.
 * @param {Waiting} one
 */
export async function edit(one) {
  const text = h("textarea", { rows: 10, class: "mono", "aria-label": "Arguments as JSON", value: json(one.args, 2) });
  const reason = h("input", { "aria-label": "Reason", placeholder: "Reason" });
  const given = await asked(
    { title: `Approve ${one.tool} with other arguments`, body: h("p", { class: "muted" }, "This is another call: every rule judges it again before it runs, and the agent is told."), act: "Approve these" },
    [text, reason],
    () => {
      const args = JSON.parse(text.value);
      if (typeof args !== "object" || args === null || Array.isArray(args)) throw new Error("Arguments are a JSON object.");
      return { args, reason: reason.value.trim() };
    },
  );
  return given ? decide(one, true, given.reason, given.args) : false;
}

/**
 * Answer a question with the fields that its form wants.
 * @param {Waiting} one
 */
export async function answer(one) {
  const properties = /** @type {[string, any][]} */ (Object.entries(one.form?.properties ?? {}));
  const fields = properties.map(([name, schema]) => {
    const values = schema.enum;
    const control = values
      ? h("select", { name }, values.map((/** @type {any} */ value) => h("option", { value: JSON.stringify(value) }, String(value))))
      : schema.type === "boolean"
        ? h("input", { type: "checkbox", name })
        : h("input", { name, type: schema.type === "number" || schema.type === "integer" ? "number" : "text", step: schema.type === "number" ? "any" : null, required: (one.form.required ?? []).includes(name) });
    const read = () => {
      if (control instanceof HTMLSelectElement) return JSON.parse(control.value);
      if (control.type === "checkbox") return control.checked;
      if (control.value === "") return undefined;
      if (control.type === "number") return Number(control.value);
      return schema.type === "object" || schema.type === "array" ? JSON.parse(control.value) : control.value;
    };
    return { name, read, element: h("label", { class: "field" }, h("span", null, schema.title ?? name, schema.description ? ` – ${schema.description}` : ""), control) };
  });
  const given = await asked({ title: `${one.tool} asks`, body: h("p", null, one.question), act: "Answer" }, fields.map((field) => field.element), () =>
    Object.fromEntries(fields.map((field) => [field.name, field.read()]).filter(([, value]) => value !== undefined)),
  );
  return given ? trying(() => post(decided(one), { given }), "answered") : false;
}

/**
 * Say what was found out about a call in doubt.
 * @param {Waiting} one
 * @param {boolean} happened
 */
export async function settle(one, happened) {
  const output = h("textarea", { rows: 3, placeholder: "What it gave, as JSON or text; may be empty", "aria-label": "What it gave" });
  const given = await asked(
    { title: happened ? `${one.tool} happened?` : `${one.tool} did not happen?`, danger: !happened, act: happened ? "It happened" : "It did not happen",
      body: h("div", null, h("p", { class: "muted" }, happened ? "It will not be made again." : "It will be made again. Be sure."), body(one.args)) },
    happened ? output : null,
    () => {
      const text = output.value.trim();
      try {
        return { output: text ? JSON.parse(text) : null };
      } catch {
        return { output: text };
      }
    },
  );
  return given ? trying(() => post(decided(one), happened ? { happened, output: given.output } : { happened }), "settled") : false;
}

/**
 * One thing that waits, with its buttons.
 * @param {Waiting} one
 * @param {{done: () => void, link?: boolean}} options
 */
export function card(one, { done, link = false }) {
  /** @param {() => Promise<boolean>} act */
  const button = (act) => async () => {
    if (await act()) done();
  };
  const allowed = may("decide");
  const allowedIt = one.kind === "approval" && Boolean(one.granted_by?.includes(me.name));
  const undriven = me.agents.includes(one.agent) ? null : h("p", { class: "warn" }, `No server here drives ${one.agent}: what you decide is kept, and heeded once one does.`);
  const buttons = !allowed ? [h("span", { class: "muted" }, "Your role may look, not decide.")]
    : one.kind === "approval" ? [
        allowedIt ? h("span", { class: "muted" }, "You allowed it.") : h("button", { class: "main", type: "button", onclick: button(() => askAndDecide(one, true)) }, "Approve"),
        h("button", { type: "button", onclick: button(() => edit(one)) }, "Edit…"),
        h("button", { class: "danger", type: "button", onclick: button(() => askAndDecide(one, false)) }, "Deny")]
    : one.kind === "doubt" ? [
        h("button", { type: "button", onclick: button(() => settle(one, true)) }, "It happened"),
        h("button", { class: "danger", type: "button", onclick: button(() => settle(one, false)) }, "It did not")]
    : [h("button", { class: "main", type: "button", onclick: button(() => answer(one)) }, "Answer…"),
       h("button", { type: "button", onclick: button(() => trying(() => post(decided(one), { given: null }), "declined")) }, "Decline")];
  const missing = one.persons && one.persons > 1 ? `${one.granted_by?.length ?? 0} of ${one.persons} people approved${one.granted_by?.length ? ` (${one.granted_by.join(", ")})` : ""}` : "";
  return h("article", { class: "panel wait", "data-kind": one.kind, "data-session": one.session, "data-call": one.call, "data-key": `${one.session} ${one.call}` },
    h("header", null, h("h2", null, h("span", { class: "mono" }, one.tool), ` ${TITLES[one.kind]}`),
      one.escalated ? h("span", { class: "tag", "data-mood": "bad" }, "escalated") : null,
      one.asked ? h("small", null, "asked ", when(one.asked)) : null, one.expires ? h("small", null, "lapses ", when(one.expires)) : null),
    h("div", { class: "body" }, one.question ? h("p", null, one.question) : null, missing ? h("p", { class: "warn" }, missing) : null, undriven, Object.keys(one.args).length ? body(one.args) : null,
      link ? h("p", null, h("a", { href: `/sessions/${encodeURIComponent(one.session)}` }, `${one.agent}: ${one.session}`)) : null,
      h("div", { class: "row" }, buttons)));
}
