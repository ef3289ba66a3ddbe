// A day's spend as a line that rises, with where it leads when it goes on like this.

import { h, s } from "./dom.js";
import { clock, usd } from "./format.js";

const DAY = 86_400_000;
const RECENT = 3 * 3_600_000;

/**
 * @typedef {object} Day
 * @property {number} now
 * @property {number} spent What the day has come to, holds included.
 * @property {number | null} cap
 * @property {{at: number, usd: number}[]} hours What each hour came to, in the order of time.
 */

/**
 * Say where a day leads: the pace is that of the last three hours, or of the day while it is younger.
 * @param {Day} day
 */
export function outlook(day) {
  const begins = day.now - (day.now % DAY);
  const since = Math.max(begins, day.now - RECENT);
  const recent = day.hours.filter((one) => one.at + 3_600_000 > since && one.at >= begins);
  const first = recent[0] ? Math.min(since, Math.max(recent[0].at, begins)) : since;
  const lasted = Math.max(day.now - first, 60_000);
  const pace = recent.reduce((sum, one) => sum + one.usd, 0) / lasted;
  const ends = begins + DAY;
  const total = day.spent + pace * (ends - day.now);
  const left = day.cap === null ? null : day.cap - day.spent;
  const reached = left === null || pace <= 0 ? null : left <= 0 ? day.now : day.now + left / pace;
  return { begins, ends, total, perHour: pace * 3_600_000, reached: reached !== null && reached < ends ? reached : null };
}

/** @param {Day} day */
export function spending(day) {
  const box = h("div", null);
  const draw = () => box.replaceChildren(drawing(day, Math.max(box.clientWidth, 260)));
  new ResizeObserver(draw).observe(box);
  return box;
}

/**
 * @param {Day} day
 * @param {number} width
 */
function drawing(day, width) {
  const { begins, ends, total } = outlook(day);
  const height = 190;
  const left = 56;
  const bottom = 22;
  const most = Math.max(day.cap ?? 0, total, day.spent, 0.0001) * 1.08;
  const x = (/** @type {number} */ at) => left + ((at - begins) / DAY) * (width - left - 8);
  const y = (/** @type {number} */ value) => (height - bottom) * (1 - value / most);
  const said = `Spent ${usd(day.spent)} by ${clock(day.now)}, ${usd(total)} by the end of the day at this pace${day.cap === null ? "" : `, of ${usd(day.cap)}`}`;
  const picture = s("svg", { class: "chart", viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": said });
  for (const part of [0, 0.5, 1]) {
    const value = (most / 1.08) * part;
    picture.append(s("line", { class: part ? "grid-line" : "axis", x1: left, x2: width, y1: y(value), y2: y(value) }),
      s("text", { x: left - 6, y: y(value) + 4, "text-anchor": "end" }, usd(value)));
  }
  const every = width < 500 ? 6 : 3;
  for (let hour = 0; hour < 24; hour += every) picture.append(s("text", { x: x(begins + hour * 3_600_000), y: height - 5 }, clock(begins + hour * 3_600_000)));
  if (day.cap !== null) {
    picture.append(s("line", { class: "cap", x1: left, x2: width, y1: y(day.cap), y2: y(day.cap) }), s("text", { x: width - 4, y: y(day.cap) - 5, "text-anchor": "end" }, `budget ${usd(day.cap)}`));
  }
  let sum = 0;
  const known = day.hours.filter((one) => one.at >= begins).reduce((all, one) => all + one.usd, 0);
  // What is held belongs to now; what the figures lack yet too.
  const scale = known > day.spent && known > 0 ? day.spent / known : 1;
  const places = [[x(begins), y(0)]];
  for (const one of day.hours.filter((hour) => hour.at >= begins)) {
    places.push([x(one.at), y(sum)]);
    sum += one.usd * scale;
    places.push([x(Math.min(one.at + 3_600_000, day.now)), y(sum)]);
  }
  places.push([x(day.now), y(day.spent)]);
  const line = places.map(([across, up]) => `${across?.toFixed(1)},${up?.toFixed(1)}`).join(" ");
  picture.append(s("polygon", { class: "spent-area", points: `${line} ${x(day.now)},${y(0)} ${x(begins)},${y(0)}` }), s("polyline", { class: "spent", points: line }),
    s("line", { class: "projected", x1: x(day.now), y1: y(day.spent), x2: x(ends), y2: y(total) }), s("circle", { class: "f0", cx: x(day.now), cy: y(day.spent), r: 3.5 }));
  return picture;
}
