// A conversation with a call in the middle that another person decides on: conversation.mjs URL true|false
import { buildResumeArray, client, run, tell } from "./official.mjs";

const [url, approved] = process.argv.slice(2);
const agent = client(url, "acme:ann:developer", "thread");
agent.messages.push({ id: "u1", role: "user", content: "do it" });

const first = await run(agent, { runId: "r1" });
const interrupts = structuredClone(agent.pendingInterrupts);

const ignored = await run(agent, { runId: "r2" });

const answer = { status: "resolved", payload: { approved: approved === "true", reason: "as I see it" } };
const resume = buildResumeArray(interrupts, Object.fromEntries(interrupts.map((one) => [one.id, answer])));
const own = await run(agent, { runId: "r2", resume });

agent.headers.Authorization = "Bearer acme:bob:operator";
const second = await run(agent, { runId: "r2", resume });
const pending = structuredClone(agent.pendingInterrupts);
const messages = structuredClone(agent.messages);

// The same once more, by who lost the answer.
agent.pendingInterrupts = interrupts;
const again = await run(agent, { runId: "r2", resume });

// And on with the conversation.
agent.headers.Authorization = "Bearer acme:ann:developer";
agent.messages.push({ id: "u2", role: "user", content: "and now?" });
const third = await run(agent, { runId: "r3" });

tell({ first, interrupts, ignored, own, second, pending, messages, again, after: agent.messages, third });
