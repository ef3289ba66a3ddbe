"""Views: what front ends show of sessions, agents, tools and budgets. Plain values, made from records alone."""

from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from remit.core.agent import Agent
from remit.core.events import ApprovalAsked, EffectInDoubt, InputAsked, Record, RunStatus
from remit.core.limits import Limits
from remit.core.ports import SessionRow, SessionStatus
from remit.core.state import Effect, State
from remit.core.toolspec import EffectClass, ToolSpec
from remit.core.values import JsonObject, JsonValue, usd
from remit.home import HANDED_BACK
from remit.policy.breaker import BreakerState
from remit.runtime import awaited, doubted, waiting

Status = Literal["idle", "running", "waiting", "paused", "closed"]
Waits = Literal["approval", "doubt", "question"]
"""A call may not run before a person allows it; nobody knows whether it happened; it asks a person for input."""


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the list of sessions."""

    id: str
    agent: str
    status: SessionStatus
    why: str
    """How the last run ended or what it waits for; `message` while one that came waits for its run, or both."""
    opened: int
    """Milliseconds since the epoch, as all times are."""
    changed: int
    parent: str


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the list of sessions, newest first."""

    sessions: tuple[Listed, ...]
    next: str | None
    """The cursor of the next part; `null` after the last."""


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """A call that waits for a person."""

    session: str
    agent: str
    call: str
    tool: str
    args: JsonObject
    kind: Waits
    digest: str
    """Of the tool and these arguments, to decide on nothing else; empty where nobody is asked to allow it."""
    question: str
    asked: int | None
    """When it was asked; `null` where that is not known."""
    expires: int | None
    """When the question lapses; `null` for never."""
    form: JsonObject | None
    """JSON Schema of the answer that a question wants."""
    persons: int
    """How many different people must allow it; 0 where nobody is asked to."""
    granted_by: tuple[str, ...]
    """Who has allowed it so far, for exactly these arguments."""
    escalates: int | None
    """When more people are told that it waits; `null` for never."""
    escalated: int | None
    """When they were told; `null` for not yet."""


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended."""

    run: int
    status: RunStatus
    output: JsonValue
    reason: str
    spent_usd: float


class SessionView(msgspec.Struct, frozen=True, kw_only=True):
    """A session as it is now."""

    id: str
    agent: str
    status: Status
    why: str
    """What it sleeps for or how its last run ended."""
    opened: int
    changed: int
    seq: int
    """The number of its last event."""
    runs: int
    unread: int
    """Messages that wait for their run."""
    spent_usd: float
    parent: str
    forked: str
    """`session@seq` it was forked from; empty for none."""
    labels: tuple[str, ...]
    waits: tuple[Waiting, ...]
    last: Ending | None


class AgentView(msgspec.Struct, frozen=True, kw_only=True):
    """An agent that can be given work."""

    name: str
    version: str
    model: str
    instructions: str
    tools: tuple[str, ...]
    limits: Limits
    """`null` is no bound of this kind."""


class ToolView(msgspec.Struct, frozen=True, kw_only=True):
    """A tool of an agent, as it is declared."""

    agent: str
    name: str
    description: str
    effect: EffectClass
    version: str
    owner: str
    source: str
    dangerous: bool
    deprecated: str
    withheld: str
    """Why it may not be called; empty when it may."""
    schema: JsonObject


class ArtefactView(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a session: an attachment, or what a program left."""

    name: str
    media: str
    size: int
    """Bytes."""
    digest: str
    seq: int
    """The event that it came with."""
    at: int


class BreakerView(msgspec.Struct, frozen=True, kw_only=True):
    """A circuit of this process: it stops calls of what keeps failing."""

    name: str
    """`tool:NAME`, `host:NAME`, or a provider."""
    state: BreakerState
    failures: int
    """In a row."""
    wait_s: float
    """Seconds until the next call may go through; 0 when it may now."""


class BudgetView(msgspec.Struct, frozen=True, kw_only=True):
    """What a tenant may spend and has spent, holds included."""

    tenant: str
    day: str
    """In UTC."""
    spent_usd: float
    cap_usd: float | None
    running: int
    """Runs under way."""
    running_cap: int | None


class HoldView(msgspec.Struct, frozen=True, kw_only=True):
    """What is held in a session for the worst that acts under way may cost."""

    session: str
    agent: str
    held_usd: float
    spent_usd: float
    """Of this run so far."""


class Holds(msgspec.Struct, frozen=True, kw_only=True):
    """What is held now."""

    held_usd: float
    """In all sessions that were looked at."""
    holds: tuple[HoldView, ...]
    """The most first, at most 50."""
    more: bool
    """Whether there are so many sessions that some were not looked at."""


class ReplayView(msgspec.Struct, frozen=True, kw_only=True):
    """What a replay of one run found."""

    run: int
    moves: int
    divergence: str
    """Empty when the strategy did the same again."""


def listed(row: SessionRow) -> Listed:
    """Show a line of the catalogue."""
    return Listed(
        id=row.id,
        agent=row.agent,
        status=row.status,
        why=row.why,
        opened=row.opened,
        changed=row.changed,
        parent=row.parent,
    )


def status_of(state: State) -> Status:
    """Say how a session stands."""
    if state.closed is not None:
        return "closed"
    if state.run is None:
        return "idle"
    if state.run.suspended is None:
        return "running"
    return "paused" if state.run.suspended.why == "paused" else "waiting"


def session_view(
    name: str, records: Sequence[Record], state: State, held: Callable[[str, str], str] | None = None
) -> SessionView:
    """Show a session; `held` says why those of a tenant's agent are held back, nothing when they are not."""
    opened, last, run = state.opened, state.last, state.run
    assert opened is not None
    why = last.status if last else ""
    if run is not None:
        why = (run.suspended.question or run.suspended.why) if run.suspended else ""
    if why == HANDED_BACK or (run is None and state.inbox):
        why = (held(opened.tenant, opened.agent) if held is not None else "") or why
    if state.closed is not None:
        why = state.closed.reason
    return SessionView(
        id=name,
        agent=opened.agent,
        status=status_of(state),
        why=why,
        opened=records[0].at,
        changed=records[-1].at,
        seq=records[-1].seq,
        runs=state.runs,
        unread=len(state.inbox),
        spent_usd=usd(state.spent),
        parent=opened.tree.parent,
        forked=opened.forked,
        labels=tuple(sorted(state.labels)),
        waits=timed(waits(name, state), records),
        last=last
        and Ending(run=last.run, status=last.status, output=last.output, reason=last.reason, spent_usd=usd(last.spent)),
    )


def waits(name: str, state: State, kind: Waits | None = None) -> tuple[Waiting, ...]:
    """Show the calls of a session that wait for a person, of one kind or of all."""
    found: tuple[tuple[Waits, tuple[Effect, ...]], ...] = (
        ("approval", waiting(state)),
        ("doubt", doubted(state)),
        ("question", awaited(state)),
    )
    return tuple(_waiting(name, state, one, of) for of, effects in found if kind in {None, of} for one in effects)


def timed(waiting: tuple[Waiting, ...], records: Sequence[Record]) -> tuple[Waiting, ...]:
    """Say of what waits in a session when it was asked, which only its records know."""
    at: dict[str, int] = {}
    for record in records:
        event = record.event
        if isinstance(event, ApprovalAsked | InputAsked | EffectInDoubt):
            at[event.call] = record.at
    return tuple(msgspec.structs.replace(one, asked=at.get(one.call, one.asked)) for one in waiting)


def _waiting(name: str, state: State, effect: Effect, kind: Waits) -> Waiting:
    assert state.run is not None
    assert state.opened is not None
    wants, asleep = effect.wants, state.run.suspended
    asked = effect.asked if kind == "approval" else None
    question = effect.question
    if asked is not None:
        question = asked.reason
    if kind == "question" and wants is not None:
        question = wants.question
    return Waiting(
        session=name,
        agent=state.opened.agent,
        call=effect.call.id,
        tool=effect.call.tool,
        args=effect.call.args,
        kind=kind,
        digest=asked.digest if asked else "",
        question=question,
        asked=asleep.at if asleep else None,
        expires=asked.expires if asked else None,
        form=wants.schema if wants is not None and kind == "question" else None,
        persons=asked.persons if asked else 0,
        granted_by=tuple(one.by for one in effect.yes) if asked else (),
        escalates=(asked.escalates or None) if asked else None,
        escalated=(effect.escalated or None) if asked else None,
    )


def agent_view(agent: Agent, tools: Sequence[str]) -> AgentView:
    """Show an agent."""
    model = agent.model if isinstance(agent.model, str) else agent.model.spec.name
    return AgentView(
        name=agent.name,
        version=agent.version,
        model=model,
        instructions=agent.instructions,
        tools=tuple(tools),
        limits=agent.limits,
    )


def tool_view(agent: str, spec: ToolSpec) -> ToolView:
    """Show a tool."""
    return ToolView(
        agent=agent,
        name=spec.name,
        description=spec.description,
        effect=spec.effect,
        version=spec.version,
        owner=spec.owner,
        source=spec.source,
        dangerous=spec.dangerous,
        deprecated=spec.deprecated,
        withheld=spec.withheld,
        schema=spec.schema,
    )
