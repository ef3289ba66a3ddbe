// Leaves in the middle of an answer, lets it be written on, and comes back: leaving.mjs URL GO
import { client, run, tell } from "./official.mjs";

const [url, go] = process.argv.slice(2);
const agent = client(url, "acme:ann:developer", "thread");
agent.messages.push({ id: "u1", role: "user", content: "count" });

const leave = agent.subscribe({ onTextMessageContentEvent: () => agent.abortRun() });
await run(agent, { runId: "r1" });
leave.unsubscribe();
const partial = structuredClone(agent.messages);

await fetch(go, { method: "POST" });
const whole = await run(agent, { runId: "r1" });

const other = client(url, "other:eve:admin", "thread");
other.messages.push({ id: "x1", role: "user", content: "what did they say?" });
const others = await run(other, { runId: "r1" });

tell({ partial, whole, messages: agent.messages, others, theirs: other.messages });
