"""People: what a person may add to a session that nobody in this process drives. Each decision is one append."""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from remit.core.errors import ApprovalError, ConflictError, UnknownSessionError
from remit.core.events import (
    ApprovalAsked,
    ApprovalEscalated,
    ApprovalGiven,
    CancelAsked,
    EffectReconciled,
    Event,
    InputGiven,
    LimitRaised,
    RunEnded,
    RunSuspended,
    SessionClosed,
)
from remit.core.limits import Limits
from remit.core.ports import Entry, Store, Tool
from remit.core.state import Effect, State
from remit.core.values import JsonObject, JsonValue, digest, now_ms
from remit.runtime.attaching import Said, received
from remit.runtime.ledger import running_account
from remit.runtime.payload import DEEPEST, LARGE, fit, legible, packed, too_deep
from remit.runtime.people.answers import unfit
from remit.runtime.people.questions import awaited, doubted, due_escalation, loose_ends, missing, waiting

# What a tree shares is pinned when its root is opened, and the velocity's watcher is the agent's.
_LIMITS = frozenset(Limits.__struct_fields__) - {"unpriced", "depth", "children", "usd_per_minute"}
_FRACTIONS = frozenset({"usd", "session_usd", "tree_usd", "seconds"})


@dataclass(frozen=True, slots=True)
class Shown:
    """A call as it was shown to whoever decides on it, who must not have decided on it with other arguments."""

    call: str
    digest: str
    """What the digest of the question begins with."""


async def add(
    store: Store,
    session: str,
    make: Callable[[State, int], Sequence[Event]],
    entries: Callable[[State], Sequence[Entry]] = lambda state: (),
) -> State:
    """Append what `make` says of the state as it is and the time, again when somebody else wrote first; give the new.

    The time is never before that of the last event: a clock that is set back gives no question a longer life.
    """
    while True:
        records = await store.read(session)
        if not records:
            raise UnknownSessionError(f"no session {session!r} in this store; `remit sessions` lists them")
        state = State.fold(record.event for record in records)
        events = make(state, max(now_ms(), records[-1].at))
        try:
            await store.append(session, events, after=len(records), entries=entries(state) if events else ())
        except ConflictError:
            continue
        for event in events:
            state.apply(event)
        return state


async def send(store: Store, session: str, said: Said, *, by: str, key: str = "", trace: str = "") -> State:
    """Leave a message for the agent; what comes of it goes on with the trace of the W3C `traceparent` given."""
    message = await received(said, store, by=by, key=key, trace=trace)

    def make(state: State, _: int) -> Sequence[Event]:
        if key and key in state.keys:
            # Also of a session that was closed since: who sends it again is told that it came.
            return ()
        if state.closed is not None:
            raise ApprovalError(f"session {session!r} is closed; open a new one")
        return (message,)

    return await add(store, session, make)


async def decide(store: Store, session: str, call: str | Shown, *, granted: bool, by: str, reason: str = "") -> State:
    """Allow or deny a call for exactly the arguments it has; raise `ApprovalError` when that cannot be.

    It may run once as many different people as are wanted have allowed it; one is enough to deny it.
    """

    def make(state: State, at: int) -> Sequence[Event]:
        effect, asked = _open(state, session, call, at)
        if granted:
            _once(effect, by)
        return (ApprovalGiven(effect.call.id, granted, by, asked.digest, reason, at),)

    return await add(store, session, make)


async def edit(store: Store, session: str, call: str | Shown, args: JsonObject, *, by: str, reason: str = "") -> State:
    """Allow a call with other arguments: another call, which is checked anew; raise `ApprovalError` as `decide` does.

    Whether they fit the tool is found out when the session goes on; whoever has the tool can ask `misfit` before.
    """
    said = {legible(str(name)): fit(value) for name, value in args.items()}
    size = len(packed(said))
    if size > LARGE:
        raise ApprovalError(f"these arguments have {size} bytes; a person may give at most {LARGE}")

    def make(state: State, at: int) -> Sequence[Event]:
        effect, asked = _open(state, session, call, at)
        same = digest([effect.call.tool, said]) == asked.digest
        if same:
            # Nothing was changed, so whoever has allowed it has allowed this.
            _once(effect, by)
        given = ApprovalGiven(
            effect.call.id,
            granted=True,
            by=by,
            digest=asked.digest,
            reason=reason,
            at=at,
            args=None if same else said,
        )
        return (given,)

    return await add(store, session, make)


async def escalate(store: Store, session: str, call: str) -> State:
    """Write down that a call has waited so long that more people are told; nothing when it is not time, or was."""

    def make(state: State, at: int) -> Sequence[Event]:
        return tuple(
            ApprovalEscalated(effect.call.id, at)
            for effect in waiting(state)
            if effect.call.id == call and effect.asked and 0 < due_escalation(effect) <= at <= effect.asked.expires
        )

    return await add(store, session, make)


def misfit(tool: Tool, args: JsonObject) -> str:
    """Say why a tool would not take these arguments, naming the field where it can; empty when it would."""
    if tool.spec.withheld:
        return f"{tool.spec.name} is withheld: {tool.spec.withheld}"
    if too_deep(args):
        return f"they are nested more than {DEEPEST} levels deep"
    return tool.check(copy.deepcopy(args))


async def settle(store: Store, session: str, call: str, *, happened: bool, by: str, output: JsonValue = None) -> State:
    """Say whether a call in doubt happened; if not, it is made again."""

    def make(state: State, _: int) -> Sequence[Event]:
        effect = _find(doubted(state), session, call, "is in doubt")
        return (EffectReconciled(effect.call.id, happened, by, fit(output)),)

    return await add(store, session, make)


async def answer(store: Store, session: str, call: str, given: JsonObject | None, *, by: str) -> State:
    """Answer what a call asks, or decline with `None`; raise `ApprovalError` for an answer that does not fit."""
    # As the journal will give it back: a form that a program filled in may hold what JSON cannot say.
    said = None if given is None else {legible(str(name)): fit(value) for name, value in given.items()}

    def make(state: State, at: int) -> Sequence[Event]:
        effect = _find(awaited(state), session, call, "asks for input")
        assert effect.wants is not None
        problem = "" if said is None else unfit(said, effect.wants.schema)
        if problem:
            raise ApprovalError(f"{effect.call.tool} ({effect.call.id}) asks for something else: {problem}")
        return (InputGiven(effect.call.id, said, by, at),)

    return await add(store, session, make)


async def cancel(store: Store, session: str, *, by: str, reason: str = "", number: int = 0) -> State:
    """End a run, the one with a `number` only if it is given: at once when it sleeps, at its next step otherwise."""

    def make(state: State, _: int) -> Sequence[Event]:
        run = state.run
        if run is None:
            raise ApprovalError(f"session {session!r} has no run under way")
        if number not in {0, run.number}:
            raise ApprovalError(f"run {number} of session {session!r} is not under way; run {run.number} is")
        asked = CancelAsked(by, reason)
        if run.suspended is None:
            return (asked,)
        why = f"cancelled by {by}" + (f": {reason}" if reason else "")
        return (asked, *loose_ends(state), RunEnded(run.number, "cancelled", None, why))

    return await add(store, session, make)


async def halt(store: Store, session: str, why: str) -> State:
    """Have a run that nobody can drive sleep until a person resumes it; one that sleeps already, or none, is let be."""

    def make(state: State, at: int) -> Sequence[Event]:
        run = state.run
        return () if run is None or run.suspended is not None else (RunSuspended("alarm", at, why),)

    def entries(state: State) -> Sequence[Entry]:
        # It counts among the runs of its tenant no longer, as any that sleeps.
        return (Entry(running_account(state.opened.tenant), -1),) if state.opened is not None else ()

    return await add(store, session, make, entries)


async def close(store: Store, session: str, *, by: str, reason: str = "") -> State:
    """End a session for good, once no run of it is under way; closing it again changes nothing."""

    def make(state: State, _: int) -> Sequence[Event]:
        if state.run is not None:
            raise ApprovalError(
                f"session {session!r} has a run under way; let it end or `remit cancel {session}` first"
            )
        return () if state.closed is not None else (SessionClosed(by, reason),)

    return await add(store, session, make)


async def raise_limit(store: Store, session: str, limit: str, to: float, *, by: str) -> State:
    """Give a session more room."""
    if limit not in _LIMITS:
        raise ApprovalError(f"no limit named {limit!r}; there are: {', '.join(sorted(_LIMITS))}")
    if not (math.isfinite(to) and to >= 0 and (limit in _FRACTIONS or float(to).is_integer())):
        raise ApprovalError(
            f"limit {limit!r} cannot be {to!r}; give a whole number, or for dollars and seconds any, from 0"
        )
    return await add(store, session, lambda _state, _at: (LimitRaised(limit, to, by),))


def _open(state: State, session: str, call: str | Shown, at: int) -> tuple[Effect, ApprovalAsked]:
    """Give a call that waits for a decision, and its question; raise `ApprovalError` when it lapsed or is another."""
    shown = call if isinstance(call, Shown) else Shown(call, "")
    effect = _find(waiting(state), session, shown.call, "waits for a decision")
    assert effect.asked is not None
    if not effect.asked.digest.startswith(shown.digest):
        raise ApprovalError(f"{effect.call.tool} ({effect.call.id}) waits with other arguments by now; look again")
    if at > effect.asked.expires:
        raise ApprovalError(f"the question about {effect.call.tool} ({effect.call.id}) has lapsed; resume the session")
    return effect, effect.asked


def _once(effect: Effect, by: str) -> None:
    """Raise `ApprovalError` when this person has allowed a call already: it takes others."""
    if effect.allowed_by(by):
        names, more = ", ".join(one.by for one in effect.yes), missing(effect)
        people = "1 more person" if more == 1 else f"{more} more people"
        raise ApprovalError(
            f"{by} has approved {effect.call.tool} ({effect.call.id}) already; approved by {names}, and {people} must"
        )


def _find(effects: Sequence[Effect], session: str, call: str, what: str) -> Effect:
    found = [effect for effect in effects if call in {"", effect.call.id}]
    if len(found) == 1:
        return found[0]
    listed = ", ".join(f"{effect.call.id} ({effect.call.tool})" for effect in effects) or "none"
    if not effects:
        raise ApprovalError(f"nothing in session {session!r} {what}; `remit show {session}` says where it stands")
    problem = f"no call {call!r} of session {session!r} {what}" if call else f"say which call of session {session!r}"
    raise ApprovalError(f"{problem}; there is: {listed}")
