"""Standing: where a session stands, what it waits for, and the exact commands that go on. Pure."""

import shlex
from dataclasses import dataclass
from typing import Literal

from remit.core.state import State
from remit.home import FOLDER
from remit.runtime import doubted, waiting
from remit.telemetry import call_text

Status = Literal["idle", "running", "waiting", "paused", "crashed", "closed"]


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a session stands."""

    status: Status
    question: str = ""
    """What a person is asked."""
    calls: tuple[tuple[str, str], ...] = ()
    """Calls that wait for a person: id and text."""
    commands: tuple[str, ...] = ()
    """Any of these goes on."""


def stand(session: str, state: State, store: str, *, alive: bool) -> Standing:
    """Say where a session stands; `alive` tells whether the worker of its run is."""
    tail = "" if store == FOLDER else f" --store {shlex.quote(store)}"

    def command(*words: str) -> str:
        return f"remit {' '.join(words)}{tail}"

    resume = command("resume", session)
    run = state.run
    if state.closed is not None:
        return Standing("closed", state.closed.reason)
    if run is None:
        if state.inbox:
            return Standing("idle", "a message waits for its run", (), (resume,))
        ref = state.opened.ref if state.opened else ""
        return Standing("idle", commands=(command("run", shlex.quote(ref), "--session", session, '"..."'),) if ref else ())
    if run.suspended is None:
        if alive:
            return Standing("running", f"worker {run.worker} drives it", (), (command("show", session, "--follow"),))
        return Standing("crashed", f"worker {run.worker} died", (), (resume,))
    question = run.suspended.question
    asked, doubts = waiting(state), doubted(state)
    calls = tuple((effect.call.id, call_text(effect.call)) for effect in (*asked, *doubts))
    if asked:
        first = asked[0].call.id
        return Standing("waiting", question, calls, (command("approve", session, first), command("deny", session, first)))
    if doubts:
        first = doubts[0].call.id
        ways = ("--happened", "--not-happened")
        return Standing("waiting", question, calls, tuple(command("settle", session, first, way) for way in ways))
    if run.suspended.why == "alarm":
        return Standing("waiting", question, (), (resume, command("cancel", session)))
    if run.suspended.why == "paused":
        return Standing("paused", question, (), (resume,))
    return Standing("waiting", "decided; it can go on", (), (resume,))
