// Charts: drawings of a few lines each, with the same figures as a table for those who do not see them.

import { fill, h, s } from "./dom.js";
import { clock, lasting } from "./format.js";

const COLOURS = 8;

/**
 * @typedef {object} Stack
 * @property {string} label
 * @property {number} since
 * @property {number} until
 * @property {number} step
 * @property {{at: number, name: string, value: number}[]} points
 * @property {(value: number) => string} show
 */

/**
 * Bars over time, a colour for each name: the largest first, what is left together.
 * @param {Stack} stack
 */
export function stacked(stack) {
  /** @type {Map<string, number>} */
  const totals = new Map();
  for (const point of stack.points) totals.set(point.name, (totals.get(point.name) ?? 0) + point.value);
  const names = [...totals].sort((a, b) => b[1] - a[1]).map(([name]) => name);
  // By name, so that a name has the same colour in charts that stand side by side.
  const kept = names.slice(0, COLOURS - 1).sort();
  if (names.length > kept.length) kept.push("others");
  const slots = Math.max(1, Math.round((stack.until - stack.since) / stack.step));
  const values = kept.map(() => new Float64Array(slots));
  for (const point of stack.points) {
    const slot = Math.floor((point.at - stack.since) / stack.step);
    const at = kept.indexOf(point.name);
    const line = values[at < 0 ? kept.length - 1 : at];
    if (line && slot >= 0 && slot < slots) line[slot] = (line[slot] ?? 0) + point.value;
  }
  const box = h("div", null);
  const draw = () => fill(box, drawing(stack, kept, values, slots, Math.max(box.clientWidth, 260)), legend(kept, totals, stack.show));
  new ResizeObserver(draw).observe(box);
  return box;
}

/**
 * @param {Stack} stack
 * @param {string[]} names
 * @param {Float64Array[]} values
 * @param {number} slots
 * @param {number} width
 */
function drawing(stack, names, values, slots, width) {
  const height = 170;
  const left = 52;
  const bottom = 20;
  const sums = Array.from({ length: slots }, (_, slot) => values.reduce((sum, line) => sum + (line[slot] ?? 0), 0));
  const most = nice(Math.max(...sums, 0));
  const wide = (width - left) / slots;
  const up = (/** @type {number} */ value) => (height - bottom) * (1 - value / most);
  const picture = s("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": `${stack.label}, ${stack.show(sums.reduce((a, b) => a + b, 0))} in all` });
  for (const part of [0, 0.5, 1]) {
    const y = up(most * part);
    picture.append(s("line", { class: part ? "grid-line" : "axis", x1: left, x2: width, y1: y, y2: y }),
      s("text", { x: left - 6, y: y + 4, "text-anchor": "end" }, stack.show(most * part)));
  }
  for (let slot = 0; slot < slots; slot++) {
    let under = 0;
    const bar = s("g", null);
    names.forEach((_, at) => {
      const value = values[at]?.[slot] ?? 0;
      if (value <= 0) return;
      const y = up(under + value);
      bar.append(s("rect", { class: `f${at}`, x: left + slot * wide + 0.5, y, width: Math.max(wide - 1, 0.5), height: Math.max(up(under) - y, 0.5) }));
      under += value;
    });
    bar.append(s("rect", { x: left + slot * wide, y: 0, width: wide, height: height - bottom, fill: "transparent",
      onpointermove: (/** @type {PointerEvent} */ event) => hover(event, tip(stack, names, values, slot)), onpointerleave: () => unhover() }));
    picture.append(bar);
  }
  const every = Math.max(1, Math.ceil(slots / Math.max(2, Math.floor(width / 90))));
  for (let slot = 0; slot < slots; slot += every) {
    picture.append(s("text", { x: left + slot * wide, y: height - 5 }, label(stack.since + slot * stack.step, stack.step)));
  }
  return picture;
}

/**
 * @param {Stack} stack
 * @param {string[]} names
 * @param {Float64Array[]} values
 * @param {number} slot
 */
function tip(stack, names, values, slot) {
  const lines = names.map((name, at) => [name, values[at]?.[slot] ?? 0]).filter(([, value]) => value);
  return [label(stack.since + slot * stack.step, stack.step), ...lines.map(([name, value]) => `${name}  ${stack.show(Number(value))}`)].join("\n");
}

/**
 * @param {number} at
 * @param {number} step
 */
function label(at, step) {
  return step < 86_400_000 ? clock(at) : new Date(at).toLocaleDateString(undefined, { month: "short", day: "numeric" });
}

/**
 * @param {string[]} names
 * @param {Map<string, number>} totals
 * @param {(value: number) => string} show
 */
function legend(names, totals, show) {
  if (!names.length) return h("p", { class: "muted" }, "Nothing in this time.");
  const rest = [...totals].filter(([name]) => !names.includes(name)).reduce((sum, [, value]) => sum + value, 0);
  return h("div", { class: "legend" }, names.map((name, at) => h("span", null, h("i", { class: `f${at}` }), `${name} ${show(totals.get(name) ?? rest)}`)));
}

/**
 * How long most took and how long the slow ones did, beside the slowest of all.
 * @param {number | null} half Milliseconds that half of them took at most.
 * @param {number | null} most Milliseconds that 95 of 100 took at most.
 * @param {number} slowest
 */
export function spread(half, most, slowest) {
  if (half === null || most === null) return h("span", { class: "muted" }, "–");
  const at = (/** @type {number} */ ms) => (100 * ms) / Math.max(slowest, 1);
  const words = `${lasting(half)} to ${lasting(most)}`;
  return h("span", { class: "range" },
    s("svg", { class: "bar-line", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
      s("rect", { class: "k-note", x: 0, y: 4, width: Math.max(at(most), 0.5), height: 2 }), s("rect", { class: "k-model", x: 0, y: 2, width: Math.max(at(half), 0.5), height: 6 })), words);
}

/** @param {number} most */
function nice(most) {
  if (most <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(most));
  const found = [1, 2, 2.5, 5, 10].find((one) => one * power >= most) ?? 10;
  return found * power;
}

/** @type {HTMLElement | null} */
let shown = null;

/**
 * Show words beside the pointer.
 * @param {PointerEvent | MouseEvent} event
 * @param {string} text
 */
export function hover(event, text) {
  shown ??= document.body.appendChild(h("div", { class: "hover-tip" }));
  shown.textContent = text;
  shown.style.left = `${Math.min(event.clientX + 14, innerWidth - shown.offsetWidth - 8)}px`;
  shown.style.top = `${Math.min(event.clientY + 14, innerHeight - shown.offsetHeight - 8)}px`;
}

export function unhover() {
  shown?.remove();
  shown = null;
}
