"""Standing: where a session stands, what it waits for, and the exact commands that go on."""

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from remit.cli.stores import named
from remit.core.events import RunSuspended
from remit.core.state import Effect, State
from remit.runtime import awaited, doubted, waiting
from remit.telemetry import call_text, json_text

Status = Literal["idle", "running", "waiting", "paused", "crashed", "closed"]

_PLAIN = re.compile(r"[A-Za-z_][\w.]*", re.ASCII)

_DRIVING = {"resume", "approve", "deny", "settle", "answer"}
"""The commands that go on with an agent, and so ask its model."""


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


def stand(session: str, state: State, store: str, *, alive: bool, model: str = "") -> Standing:
    """Say where a session stands; `alive` tells whether the worker of its run is, `model` what is used instead."""
    tail = named(store)
    another = f" --model {shlex.quote(model)}" if model else ""

    def command(verb: str, *words: str) -> str:
        return f"remit {' '.join((verb, session, *words))}{tail}{another if verb in _DRIVING else ''}"

    run = state.run
    if state.closed is not None:
        return Standing("closed", state.closed.reason)
    if run is None:
        return _idle(session, state, tail + another)
    if run.suspended is not None:
        return _suspended(run.suspended, state, command)
    if alive:
        return Standing("running", f"worker {run.worker} drives it", commands=(command("show", "--follow"),))
    return Standing("crashed", f"worker {run.worker} died", commands=(command("resume"),))


def _idle(session: str, state: State, tail: str) -> Standing:
    if state.inbox:
        return Standing("idle", "a message waits for its run", commands=(f"remit resume {session}{tail}",))
    ref = state.opened.ref if state.opened else ""
    again = f'remit run {shlex.quote(ref)} --session {session}{tail} "..."'
    # One without a file is not declared for `run`, such as the desk.
    return Standing("idle", commands=(again,) if ":" in ref else ())


def _suspended(suspended: RunSuspended, state: State, command: Callable[..., str]) -> Standing:
    asked, doubts, wants = waiting(state), doubted(state), awaited(state)
    calls = tuple((effect.call.id, call_text(effect.call)) for effect in (*asked, *doubts, *wants))
    commands = [command(verb, effect.call.id) for effect in asked for verb in ("approve", "deny")]
    ways = ("--happened", "--not-happened")
    commands += [command("settle", effect.call.id, way) for effect in doubts for way in ways]
    commands += [
        command("answer", effect.call.id, *way) for effect in wants for way in (_blank(effect), ("--decline",))
    ]
    question = suspended.question
    if calls:
        return Standing("waiting", question, calls, tuple(commands))
    match suspended.why:
        case "alarm":
            return Standing("waiting", question, (), (command("resume"), command("cancel")))
        case "paused":
            return Standing("paused", question, (), (command("resume"),))
        case "approval" | "in_doubt" | "input":
            return Standing("waiting", "it is decided and can go on", (), (command("resume"),))


def _blank(effect: Effect) -> tuple[str, ...]:
    """Give the fields that an answer has, to be filled in; a stranger named them, and a person pastes this."""
    fields = effect.wants.schema.get("properties") if effect.wants else None
    names = list(map(str, fields)) if isinstance(fields, dict) else []
    if names and all(_PLAIN.fullmatch(name) for name in names):
        return tuple(f"{name}=..." for name in names)
    return (shlex.quote(json_text(dict.fromkeys(names, "..."))),)
