// Short words about what was done or was not.

import { Problem } from "./api.js";
import { h, the } from "./dom.js";

/**
 * @param {string} text
 * @param {"good" | "bad" | "plain"} [mood]
 */
export function toast(text, mood = "plain") {
  const shown = h("div", { class: "toast", "data-mood": mood }, text);
  the("#toasts", HTMLElement).append(shown);
  setTimeout(() => shown.remove(), mood === "bad" ? 9000 : 4000);
}

/**
 * Do something that may be refused, and say it when it is; give whether it was done.
 * @param {() => Promise<unknown>} act
 * @param {string} [done]
 */
export async function trying(act, done = "") {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    toast(error.message, "bad");
    return false;
  }
  if (done) toast(done, "good");
  return true;
}
