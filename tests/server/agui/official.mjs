// Helpers for scripts that drive the official client of AG-UI.
import { createRequire } from "node:module";

const require = createRequire(new URL("../../node/package.json", import.meta.url));
export const { HttpAgent, buildResumeArray } = require("@ag-ui/client");

// It warns of whatever it has to strip from an event or cannot place, and of what it did not expect.
const warnings = [];
console.warn = (...words) => void warnings.push(words.join(" "));
console.error = () => {};

export function client(url, who, threadId) {
  return new HttpAgent({ url, threadId, headers: { Authorization: `Bearer ${who}` } });
}

export async function run(agent, parameters = {}) {
  const events = [];
  let failure = null;
  const subscriber = {
    onEvent: ({ event }) => void events.push(event),
    onRunFailed: ({ error }) => void (failure = error),
  };
  let result = null;
  try {
    result = (await agent.runAgent(parameters, subscriber)).result ?? null;
  } catch (error) {
    failure = error;
  }
  return { events, result, failure: failure && { message: failure.message, status: failure.status ?? null } };
}

export function tell(found) {
  process.stdout.write(JSON.stringify({ ...found, warnings }));
}
