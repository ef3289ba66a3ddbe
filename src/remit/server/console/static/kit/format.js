// Times, money and counts as people read them.

import { h } from "./dom.js";

const WHOLE = new Intl.NumberFormat("en-US");
const SHORT = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

/**
 * Dollars: cents where there are any, more places only where they would say nothing otherwise.
 * @param {number} value
 */
export function usd(value) {
  if (value === 0) return "$0";
  const size = Math.abs(value);
  if (size < 0.0001) return value < 0 ? "-<$0.0001" : "<$0.0001";
  return `${value < 0 ? "-" : ""}$${size.toFixed(size < 0.1 ? 4 : 2).replace(/\B(?=(\d{3})+(?!\d)(?=\.))/g, ",")}`;
}

/** @param {number} value */
export function count(value) {
  return value < 10_000 ? WHOLE.format(value) : SHORT.format(value);
}

/** @param {number} value */
export function share(value) {
  const places = value !== 1 && (value >= 0.995 || value < 0.1) && value !== 0 ? 1 : 0;
  return `${(value * 100).toFixed(places)} %`;
}

/**
 * A stretch of time.
 * @param {number} ms
 */
export function lasting(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ${Math.floor((ms % 60_000) / 1000)} s`;
  if (ms < 172_800_000) return `${Math.floor(ms / 3_600_000)} h ${Math.floor((ms % 3_600_000) / 60_000)} min`;
  return `${Math.floor(ms / 86_400_000)} d`;
}

/** @param {number} at */
function ago(at) {
  const ms = Date.now() - at;
  const size = Math.abs(ms);
  const text =
    size < 1500 ? "now"
    : size < 60_000 ? `${Math.round(size / 1000)} s`
    : size < 3_600_000 ? `${Math.round(size / 60_000)} min`
    : size < 86_400_000 ? `${Math.round(size / 3_600_000)} h`
    : `${Math.round(size / 86_400_000)} d`;
  if (text === "now") return text;
  return ms < 0 ? `in ${text}` : `${text} ago`;
}

const MOMENT = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });

/** @param {number} at */
export function moment(at) {
  return MOMENT.format(at);
}

/** @param {number} at */
export function clock(at) {
  return new Date(at).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit" });
}

/**
 * A time, told by its distance and kept true; the moment itself when one points at it.
 * @param {number} at
 */
export function when(at) {
  return h("time", { datetime: new Date(at).toISOString(), title: moment(at), "data-at": at }, ago(at));
}

setInterval(() => {
  if (document.hidden) return;
  for (const element of document.querySelectorAll("time[data-at]")) {
    const text = ago(Number(element.getAttribute("data-at")));
    if (element.textContent !== text) element.textContent = text;
  }
}, 5000);

/** @type {Record<string, "good" | "warn" | "bad" | "accent" | "plain">} */
const MOODS = {
  running: "accent", waiting: "warn", paused: "warn", done: "good", ok: "good", failed: "bad", stopped: "bad",
  refused: "bad", diverged: "bad", cancelled: "warn", denied: "bad", simulated: "warn", in_doubt: "bad", open: "bad", half_open: "warn",
};

/**
 * A status as a tag: what a session that rests came to is said instead of that it rests.
 * @param {string} status
 * @param {string} [why]
 */
export function status(status, why = "") {
  const reason = why.replace(/,? ?message$/, "");
  const shown = status === "idle" && reason ? reason : status === "idle" && why ? "queued" : status;
  const detail = status === "waiting" && reason ? `waiting: ${reason.replaceAll("_", " ")}` : shown.replaceAll("_", " ");
  return h("span", { class: "tag", "data-mood": MOODS[shown] ?? "plain", title: why || null }, detail);
}

/**
 * How bad a flag is: what is flagged as a mere notice may still be somebody who tries doors.
 * @param {{kind: string, level: string, resolved: boolean}} flag
 */
export function alarm(flag) {
  if (flag.resolved) return "plain";
  if (flag.kind === "honeypot" || flag.kind === "injection" || flag.kind === "in_doubt") return "bad";
  return flag.level === "notice" ? "plain" : flag.level === "warn" ? "warn" : "bad";
}

// Controls that are not seen, or that have a line read otherwise than it is.
const UNSEEN = /[\u007f-\u009f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;

/**
 * A value as JSON in which nothing is hidden: what is approved is what is seen.
 * @param {unknown} value
 * @param {number} [indent]
 */
export function json(value, indent) {
  return (JSON.stringify(value, null, indent) ?? "").replace(UNSEEN, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

/** @param {unknown} value */
export function pretty(value) {
  return typeof value === "string" ? value : json(value, 2);
}
