// The API, asked with the rights of who looks.

import { me } from "./page.js";

/** Why a request was not done (RFC 9457). */
export class Problem extends Error {
  /**
   * @param {number} status
   * @param {string} detail
   */
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

const PATIENCE = 30_000;

/**
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @returns {Promise<any>}
 */
async function ask(method, path, body) {
  /** @type {Record<string, string>} */
  const headers = { accept: "application/json" };
  if (body !== undefined) headers["content-type"] = "application/json";
  if (me.csrf) headers["x-remit-csrf"] = me.csrf;
  let response;
  try {
    const sent = body === undefined ? null : JSON.stringify(body);
    response = await fetch(path, { method, headers, body: sent, signal: AbortSignal.timeout(PATIENCE) });
  } catch (error) {
    const late = error instanceof DOMException && error.name === "TimeoutError";
    throw new Problem(0, late ? "the server did not answer in time" : "the server cannot be reached");
  }
  if (response.status === 401 && me.how === "cookie") {
    location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
  }
  const text = await response.text();
  /** @type {any} */
  let answer = null;
  try {
    answer = text ? JSON.parse(text) : null;
  } catch {
    throw new Problem(response.status, `the server answered with ${response.status} and no JSON`);
  }
  if (!response.ok) throw new Problem(response.status, answer?.detail ?? response.statusText);
  return answer;
}

/**
 * @param {string} path
 * @param {Record<string, string | number | boolean | null | undefined>} [query]
 */
export function get(path, query) {
  return ask("GET", address(path, query));
}

/**
 * @param {string} path
 * @param {unknown} [body]
 */
export function post(path, body = {}) {
  return ask("POST", path, body);
}

/** @param {string} path */
export function remove(path) {
  return ask("DELETE", path);
}

/**
 * Write an address with a query; what is empty is left out.
 * @param {string} path
 * @param {Record<string, string | number | boolean | null | undefined>} [query]
 */
export function address(path, query = {}) {
  const said = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== "" && value !== null && value !== undefined) said.set(name, String(value));
  }
  return said.size ? `${path}?${said}` : path;
}

/** @param {string} session */
export function sessionPath(session) {
  return `/v1/sessions/${encodeURIComponent(session)}`;
}
