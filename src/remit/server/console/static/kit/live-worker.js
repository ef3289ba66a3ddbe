// Shared by all tabs: holds the one connection, and lets go of it when the last tab is gone.

/** @type {Set<MessagePort>} */
const ports = new Set();
/** @type {EventSource | null} */
let source = null;
let state = "waiting";

/** @param {{kind: string, data?: string}} message */
function tell(message) {
  for (const port of ports) port.postMessage(message);
}

function open() {
  if (source && source.readyState !== EventSource.CLOSED) return;
  source = new EventSource("/v1/changes");
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
  source.addEventListener("changes", (event) => tell({ kind: "changes", data: event.data }));
}

/** @param {MessagePort} port */
function welcome(port) {
  ports.add(port);
  port.onmessage = (event) => {
    if (event.data === "again") welcome(port);
    else ports.delete(port);
    if (!ports.size) {
      source?.close();
      source = null;
      state = "waiting";
    }
  };
  open();
  if (state !== "waiting") port.postMessage({ kind: "state", data: state });
}

addEventListener("connect", (event) => {
  const port = /** @type {MessageEvent} */ (event).ports[0];
  if (port) welcome(port);
});
