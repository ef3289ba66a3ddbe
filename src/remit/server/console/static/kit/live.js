// What changes on the server: one connection for all tabs, because a browser opens only six to a host.

import { the } from "./dom.js";
import { sessionPath } from "./api.js";
import { me } from "./page.js";

/** @typedef {import("./kinds.js").Summary} Summary */

/** @type {Set<(sessions: Summary[]) => void>} */
const hearers = new Set();
let started = false;

/** @param {"live" | "waiting" | "lost"} state */
function show(state) {
  const element = the("#live", HTMLElement);
  element.dataset.state = state;
  the(".word", HTMLElement, element).textContent = state === "live" ? "live" : state === "lost" ? "offline" : "connecting";
}

/** @param {{kind: string, data?: string}} message */
function heard(message) {
  if (message.kind === "state") show(message.data === "open" ? "live" : "lost");
  if (message.kind === "changes" && message.data) {
    const { sessions } = JSON.parse(message.data);
    for (const hearer of hearers) hearer(sessions);
  }
}

function start() {
  started = true;
  const worker = new URL("./live-worker.js", import.meta.url);
  if (typeof SharedWorker === "function") {
    const port = new SharedWorker(worker, { name: "remit-live", type: "module" }).port;
    port.onmessage = (event) => heard(event.data);
    port.start();
    port.postMessage(me.now);
    // A worker is not told when a tab goes.
    addEventListener("pagehide", () => port.postMessage("bye"));
    addEventListener("pageshow", (event) => event.persisted && port.postMessage("again"));
    return;
  }
  const source = new EventSource(`/v1/changes?since=${me.now}`);
  source.onopen = () => heard({ kind: "state", data: "open" });
  source.onerror = () => heard({ kind: "state", data: "lost" });
  source.addEventListener("changes", (event) => heard({ kind: "changes", data: event.data }));
  addEventListener("pagehide", () => source.close());
}

/**
 * Hear of sessions that changed, as they are now.
 * @param {(sessions: Summary[]) => void} hearer
 */
export function changes(hearer) {
  hearers.add(hearer);
  if (!started) start();
}

/**
 * Follow one session while this tab is looked at; what came meanwhile comes when it is looked at again.
 * @param {string} session
 * @param {number} after The last event that is known.
 * @param {{record: (record: import("./kinds.js").Plain) => void, delta?: (delta: {text: string, fresh: boolean}) => void}} ears
 */
export function follow(session, after, ears) {
  let last = after;
  /** @type {EventSource | null} */
  let source = null;
  function open() {
    if (source || document.hidden) return;
    source = new EventSource(`${sessionPath(session)}/events?after=${last}`);
    source.addEventListener("record", (event) => {
      last = Number(event.lastEventId);
      ears.record(JSON.parse(event.data));
    });
    source.addEventListener("delta", (event) => ears.delta?.(JSON.parse(event.data)));
    source.onerror = () => {
      // The browser comes back by itself, unless it was told that there is nothing more.
      if (source?.readyState === EventSource.CLOSED) close();
    };
  }
  function close() {
    source?.close();
    source = null;
  }
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  addEventListener("pagehide", close);
  open();
}
