// Shared by all tabs: holds the one connection, and lets go of it when the last tab is gone.

/** @type {Set<MessagePort>} */
const ports = new Set();
/** @type {EventSource | null} */
let source = null;
let state = "waiting";
/** The newest change that was told, or when the first page was made: what came after it is asked for. */
let last = 0;
/** @type {{at: number, data: string}[]} What was told lately: a page that comes now may have been made before. */
let recent = [];
const LATELY = 20_000;

/** @param {{kind: string, data?: string}} message */
function tell(message) {
  for (const port of ports) port.postMessage(message);
}

function open() {
  if (source && source.readyState !== EventSource.CLOSED) return;
  source = new EventSource(`/v1/changes?since=${last}`);
  source.onopen = () => {
    state = "open";
    tell({ kind: "state", data: state });
  };
  source.onerror = () => {
    state = "lost";
    tell({ kind: "state", data: state });
    // Refused, not cut: it does not come back by itself.
    if (source?.readyState === EventSource.CLOSED) setTimeout(() => ports.size && open(), 5000);
  };
  source.addEventListener("changes", (event) => {
    last = Math.max(last, Number(event.lastEventId));
    const now = Date.now();
    recent = [...recent.filter((one) => now - one.at < LATELY), { at: now, data: event.data }];
    tell({ kind: "changes", data: event.data });
  });
}

/** @param {MessagePort} port */
function welcome(port) {
  ports.add(port);
  open();
  if (state !== "waiting") port.postMessage({ kind: "state", data: state });
  const now = Date.now();
  for (const one of recent) if (now - one.at < LATELY) port.postMessage({ kind: "changes", data: one.data });
}

/** @param {MessagePort} port */
function leave(port) {
  ports.delete(port);
  if (ports.size) return;
  source?.close();
  source = null;
  state = "waiting";
}

addEventListener("connect", (event) => {
  const port = /** @type {MessageEvent} */ (event).ports[0];
  if (!port) return;
  // A page says when it was made, that it is shown again, or that it goes.
  port.onmessage = ({ data }) => {
    if (data === "bye") return leave(port);
    if (typeof data === "number" && !source) last = data;
    welcome(port);
  };
});
