"""Rows: the servers that W8 loads, its sizes, and how it is done, in words. Light: the report imports it."""

from dataclasses import dataclass
from pathlib import Path

PINS = Path(__file__).with_name("peers.txt")
"""What the peers' own environment has."""

LIGHT, WHOLE = 100, 1000
"""Event streams."""
RATES = {LIGHT: 10.0, WHOLE: 200.0}
"""Messages a second, by streams."""


@dataclass(frozen=True, slots=True)
class Row:
    """One server."""

    name: str
    title: str
    peer: bool = False
    """Whether it lives in the peers' environment."""


ROWS = (
    Row("remit", "`remit serve`, SQLite, durability `process`"),
    Row("remit_power", "`remit serve`, SQLite, durability `power`"),
    Row("langgraph_dev", "LangGraph, `langgraph dev`, in memory", peer=True),
    Row("agentos", "Agno, AgentOS, SQLite", peer=True),
)
BY_NAME = {row.name: row for row in ROWS}

PINNED = ", ".join(f"`{line}`" for line in PINS.read_text().splitlines() if line)

METHOD = f"""\
W8 has each server, a process of its own, on one core, and the driver, one process for all, on another: {WHOLE:,} event
streams are opened and held, then messages come at {RATES[WHOLE]:g} a second, each to a session that has none under
way, at moments fixed beforehand: a server that falls behind is not waited for. *Light* is {LIGHT} streams and
{RATES[LIGHT]:g} messages a second. The agent is the same: no tools, and a model that answers at once with four pieces
of text, each with the moment at which it was said (one clock for the machine). *First event* is from the moment a
message is due to the first event of its run that the client has, *first text* to the first piece of the answer, *text
delay* from the model to the client, for each piece. A message that was never answered, or found no session free,
counts as old as it was at the end. *Done*: the client read the end of its run. A stream *missed or repeated* something
if a piece of an answered message came not at all, twice or out of order; ours also if the numbers of its events have a
gap or do not end where its journal does. CPU and memory are those of the server with all its processes. *At rest* is
with all sessions made and a few streams, *KB a stream* what each further one adds. *Highest rate* is the best of a
bounded search (half or 1.5 times the rate, six seconds each) at which all messages are done and 95 % of first events
come within 1 s; none is looked for below 3. *Waited for its core* is the share of the load's time in which the server
could have run while its core was busy with something else: noise from outside where other programs run, and part of
every latency here.

The three are not the same kind of thing. Ours and AgentOS write to SQLite on disk; `langgraph dev` keeps threads in
memory and says of itself that it is for development and testing: it runs with `--no-reload --allow-blocking
--n-jobs-per-worker 100` and logs errors only. Its and our clients hold a stream of the session (of LangGraph: `GET
/threads/ID/stream`) and post messages beside it. AgentOS has no stream of a session: the answer to a message is its
stream, so it holds streams of runs whose model never answers, and messages go to other sessions. It has an `SqliteDb`
and its agent reads the history, as the others do. Peers are installed by the bench into an environment of their own,
`build/bench-peers`, never into ours: `langgraph-api` is under the Elastic License 2.0. There are: {PINNED}. The driver
and the server may open as many files as the hard limit allows (RLIMIT_NOFILE, up to 65,536)."""
