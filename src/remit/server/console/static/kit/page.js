// What a page came with: who looks, and its first data.

import { the } from "./dom.js";

/**
 * @typedef {object} Me
 * @property {string} name
 * @property {string} tenant
 * @property {"viewer" | "operator" | "developer" | "admin"} role
 * @property {string[]} may
 * @property {string} how
 * @property {string} csrf
 * @property {string[]} agents Those that are driven here.
 * @property {number} now When the page was made, by the clock of the server.
 */

/** @param {string} id */
function embedded(id) {
  return JSON.parse(the(`#${id}`, HTMLScriptElement).textContent ?? "null");
}

/** @type {Me} */
export const me = embedded("me");

/**
 * Give the data of this page, of the kind that its server side says.
 * @template T
 * @returns {T}
 */
export function given() {
  return embedded("data");
}

/** @param {"look" | "decide" | "stop" | "work" | "administer"} action */
export function may(action) {
  return me.may.includes(action);
}

export const main = the("#page", HTMLElement);
