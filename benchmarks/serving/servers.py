"""Servers: how each is started, given a session, listened to and told something, by its own documented API."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from benchmarks.serving.environment import program
from benchmarks.serving.wire import Ask
from benchmarks.serving.words import held, prompt

FORM = "application/x-www-form-urlencoded"
AGENTS = Path(__file__).resolve().parent / "agents"


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One server, as the driver sees it."""

    command: Callable[[int, Path], list[str]]
    """Starts it on a port, with a folder of its own."""
    ready: str
    """A path that answers 200 once it serves."""
    follow: Callable[[str], Ask]
    """Opens an event stream."""
    tell: Callable[[str, int], Ask]
    """Gives a session the message of a number."""
    piece: bytes
    """How an event with a piece of text begins."""
    end: bytes
    """What the last event of a run that went well contains."""
    fault: bytes
    """What an event of a run that went wrong contains."""
    begin: Callable[[int], Ask] | None = None
    """Makes a session; `None` where its first message does."""
    named: Callable[[bytes], str] = lambda answer: ""
    """Finds the session's id in the answer to that."""
    last: Callable[[str], Ask] | None = None
    """Asks how many events a session has, where events are numbered."""
    answers: bool = False
    """Whether the answer to a message is its event stream, and there is none of a session."""
    environ: Mapping[str, str] = field(default_factory=dict[str, str])


def remit(durability: str) -> Server:
    """Return ours."""

    def command(port: int, folder: Path) -> list[str]:
        serve = [sys.executable, "-m", "remit", "serve", "benchmarks.serving.agents.ours:agent", "--quiet"]
        kept = ["--store", str(folder / "store"), "--durability", durability]
        return [*serve, *kept, "--port", str(port), "--streams", "5000"]

    return Server(
        command=command,
        ready="/v1/sessions?limit=1",
        begin=lambda number: Ask.tell("/v1/sessions", {"agent": "bench"}),
        named=lambda answer: json.loads(answer)["id"],
        follow=lambda session: Ask("GET", f"/v1/sessions/{session}/events"),
        tell=lambda session, number: Ask.tell(f"/v1/sessions/{session}/messages", {"text": prompt(number)}),
        last=lambda session: Ask("GET", f"/v1/sessions/{session}"),
        piece=b"event: delta",
        end=b'"kind":"RunEnded","fields":{',
        fault=b'"status":"failed"',
    )


def langgraph() -> Server:
    """Return LangGraph's server for development."""

    def command(port: int, folder: Path) -> list[str]:
        graphs = {"bench": f"{AGENTS / 'langgraph.py'}:graph"}
        (folder / "langgraph.json").write_text(json.dumps({"dependencies": ["."], "graphs": graphs}))
        quick = ["--no-browser", "--no-reload", "--allow-blocking", "--n-jobs-per-worker", "100"]
        return [program("langgraph"), "dev", *quick, "--server-log-level", "ERROR", "--port", str(port)]

    def tell(session: str, number: int) -> Ask:
        said = {"messages": [{"role": "user", "content": prompt(number)}]}
        wish = {"assistant_id": "bench", "input": said, "stream_mode": ["messages-tuple"]}
        return Ask.tell(f"/threads/{session}/runs", wish)

    return Server(
        command=command,
        ready="/ok",
        begin=lambda number: Ask.tell("/threads", {}),
        named=lambda answer: json.loads(answer)["thread_id"],
        follow=lambda session: Ask("GET", f"/threads/{session}/stream"),
        tell=tell,
        piece=b"event: messages",
        end=b'"status":"run_done"',
        fault=b"event: error",
        environ={"LOG_LEVEL": "ERROR", "LANGSMITH_TRACING": "false", "LANGGRAPH_CLI_NO_ANALYTICS": "1"},
    )


def agentos() -> Server:
    """Return Agno's server."""

    def form(session: str, text: str) -> Ask:
        said = {"message": text, "stream": "true", "session_id": session}
        return Ask("POST", "/agents/bench/runs", urlencode(said).encode(), FORM)

    return Server(
        command=lambda port, folder: [
            *(program("python"), "-m", "benchmarks.serving.agents.agno"),
            *(str(port), str(folder)),
        ],
        ready="/health",
        follow=lambda session: form(f"held-{session}", held(0)),
        tell=lambda session, number: form(session, prompt(number)),
        piece=b"event: RunContent\n",
        end=b"event: RunCompleted",
        fault=b"event: RunError",
        answers=True,
    )


def server(name: str) -> Server:
    """Return a server by the name of its row."""
    match name:
        case "remit":
            return remit("process")
        case "remit_power":
            return remit("power")
        case "langgraph_dev":
            return langgraph()
        case "agentos":
            return agentos()
        case _:
            raise ValueError(f"no server named {name!r}")
