"""Step: all that is recorded of one node of the tree, and what the model was shown when it is a question to one."""

from collections.abc import Iterator, Sequence
from typing import assert_never

import msgspec

from remit.core import events as ev
from remit.core.state import State
from remit.core.values import JsonObject, JsonValue
from remit.telemetry.plain import laid_open, plain

_SHOWN = 40
"""Messages of a conversation that are given: the newest."""


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One node, as far as it has come."""

    seq: int
    records: tuple[JsonObject, ...]
    """Its events, each with `seq`, `at`, `kind` and `fields`."""
    messages: tuple[JsonValue, ...] = ()
    """Of a question to a model: the conversation that it went with, the newest messages of it."""
    earlier: int = 0
    """How many messages came before these."""
    offer: tuple[str, ...] = ()
    """Of a question to a model: the names of the tools on offer."""
    call: JsonValue = None
    """Of a call: what it was wanted to be, before any guard or person changed it; `null` when no model wanted it."""


def step(records: Sequence[ev.Record], seq: int) -> Step | None:
    """Give what belongs to the node that begins with an event; `None` when there is no such event.

    `records` are those of a session from its beginning.
    """
    if not 1 <= seq <= len(records):
        return None
    event = records[seq - 1].event
    name, call = _step_of(event), _call_of(event)
    found: list[ev.Record] = [records[seq - 1]]
    if name or call:
        found = [one for one in _run_of(records, seq) if _belongs(one.event, name, call)]
    if isinstance(event, ev.RunOpened):
        found = [one for one in _run_of(records, seq) if isinstance(one.event, _LIFE)]
    laid = tuple(map(plain, found))
    if not isinstance(event, ev.ModelAsked):
        return Step(seq=seq, records=laid, call=_wanted(records, seq, call))
    state = State.fold(one.event for one in records[: seq - 1])
    messages = () if event.alone else tuple(state.thread(event.step.rpartition(".")[0]))
    offer = event.tools
    if offer is None:
        offer = tuple(state.opened.tools) if state.opened is not None else ()
    return Step(
        seq=seq,
        records=laid,
        messages=tuple(map(laid_open_message, messages[-_SHOWN:])),
        earlier=max(len(messages) - _SHOWN, 0),
        offer=offer,
    )


_LIFE = (ev.RunOpened, ev.RunSuspended, ev.RunResumed, ev.RunEnded, ev.CancelAsked, ev.LimitRaised)


def laid_open_message(message: object) -> JsonValue:
    """Give a message as JSON, with the name of its kind."""
    return {"kind": type(message).__name__, "fields": laid_open(message)}


def _wanted(records: Sequence[ev.Record], seq: int, call: str) -> JsonValue:
    """Find a call in the answer of the model that wanted it."""
    for record in _run_of(records, seq) if call else ():
        if isinstance(record.event, ev.ModelAnswered):
            for one in record.event.calls:
                if one.id == call:
                    return laid_open(one)
    return None


def _run_of(records: Sequence[ev.Record], seq: int) -> Iterator[ev.Record]:
    """Give the records of the run that an event is in; ids of steps and calls mean something there only."""
    first = next((at for at in range(seq - 1, -1, -1) if isinstance(records[at].event, ev.RunOpened)), 0)
    for record in records[first:]:
        yield record
        if isinstance(record.event, ev.RunEnded):
            return


def _belongs(event: ev.Event, name: str, call: str) -> bool:
    return bool((name and _step_of(event) == name) or (call and _call_of(event) == call))


def _step_of(event: ev.Event) -> str:
    match event:
        case ev.ModelAsked() | ev.ModelAnswered() | ev.ModelFailed() | ev.Noted():
            return event.step
        case ev.ProgramStarted() | ev.ProgramPaused() | ev.ProgramEnded():
            return event.step
        case _:
            return ""


def _call_of(event: ev.Event) -> str:
    match event:
        case ev.EffectEnded():
            return event.outcome.call
        case ev.EffectStarted() | ev.EffectInDoubt() | ev.EffectReconciled() | ev.Judged() | ev.Flagged():
            return event.call
        case ev.ApprovalAsked() | ev.ApprovalGiven() | ev.ApprovalEscalated() | ev.InputAsked() | ev.InputGiven():
            return event.call
        case ev.ModelAsked() | ev.ModelAnswered() | ev.ModelFailed() | ev.Noted() | ev.LimitRaised() | ev.CancelAsked():
            pass
        case ev.ProgramStarted() | ev.ProgramPaused() | ev.ProgramEnded() | ev.MessageReceived():
            pass
        case ev.SessionOpened() | ev.SessionClosed():
            pass
        case ev.RunOpened() | ev.RunSuspended() | ev.RunResumed() | ev.RunEnded():
            pass
        case _:
            assert_never(event)
    return ""
