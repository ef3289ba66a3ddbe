"""Moment: what a session was right after one of its events: its state, laid open for a person."""

from collections.abc import Sequence

import msgspec

from remit.core import events as ev
from remit.core.state import State
from remit.core.values import JsonObject, JsonValue, usd
from remit.telemetry.plain import laid_open
from remit.telemetry.trace.step import laid_open_message

_SHOWN = 40


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A call of the run under way."""

    call: str
    tool: str
    args: JsonObject
    status: str
    hold_usd: float


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """A session right after an event."""

    seq: int
    at: int
    status: str
    run: int | None
    spent_usd: float
    held_usd: float
    """By the run under way."""
    tokens: int
    """Of the run under way."""
    moves: int
    labels: tuple[str, ...]
    revealed: tuple[str, ...]
    limits: JsonValue
    inbox: tuple[str, ...]
    """Messages that wait for their run."""
    calls: tuple[Pending, ...]
    messages: tuple[JsonValue, ...]
    """The newest of the main conversation."""
    earlier: int


def moment(records: Sequence[ev.Record], seq: int) -> Moment | None:
    """Give the state after an event; `None` when there is no such event. `records` begin with the session's first."""
    if not 1 <= seq <= len(records):
        return None
    state = State.fold(record.event for record in records[:seq])
    run, messages = state.run, state.thread("")
    effects = run.effects.values() if run is not None else ()
    return Moment(
        seq=seq,
        at=records[seq - 1].at,
        status=_status(state),
        run=run.number if run is not None else None,
        spent_usd=usd(state.spent),
        held_usd=usd(run.held) if run is not None else 0.0,
        tokens=run.tokens if run is not None else 0,
        moves=run.moves if run is not None else 0,
        labels=tuple(sorted(state.labels)),
        revealed=state.revealed,
        limits=laid_open(state.limits),
        inbox=tuple(message.text for message in state.inbox),
        calls=tuple(
            Pending(call=one.call.id, tool=one.call.tool, args=one.call.args, status=one.status, hold_usd=usd(one.hold))
            for one in effects
        ),
        messages=tuple(map(laid_open_message, messages[-_SHOWN:])),
        earlier=max(len(messages) - _SHOWN, 0),
    )


def _status(state: State) -> str:
    if state.closed is not None:
        return "closed"
    if state.run is None:
        return "idle" if state.last is None else state.last.status
    return f"waiting: {state.run.suspended.why}" if state.run.suspended is not None else "running"
