"""The port of the projection: what people look for across sessions, kept beside the journals and made from them alone.

It lags a moment behind; whoever acts reads the journal itself. Losing it loses nothing: it is made again.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Annotated, Literal, Protocol

import msgspec

from remit.core.ports import SessionStatus

Order = Literal["changed", "opened", "cost", "steps"]
"""What a list begins with: what changed last, was opened last, cost most, or took the most steps."""

Ended = Literal["done", "failed", "stopped", "cancelled"]

FlagKind = Literal["honeypot", "injection", "in_doubt", "loop", "guard", "alarm", "other"]


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """A session in one line. Times are milliseconds since the epoch."""

    id: str
    agent: str
    status: SessionStatus
    why: str
    """What it waits for or how its last run ended, as in `SessionRow.why`."""
    about: str
    """The beginning of its first message, at most 120 characters."""
    opened: int
    changed: int
    parent: str = ""
    runs: int = 0
    steps: int = 0
    """Model and tool calls that ended."""
    tokens: int = 0
    cost_usd: float = 0.0
    waits: int = 0
    """Calls that wait for a person."""
    flags: int = 0


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """Which sessions to list; an empty field asks for all."""

    status: SessionStatus | Literal[""] = ""
    ended: Ended | Literal[""] = ""
    """How the last run ended."""
    agent: Annotated[str, msgspec.Meta(max_length=200)] = ""
    text: Annotated[str, msgspec.Meta(max_length=500)] = ""
    """Words that must all be in a message of the session (said or answered), or the beginning of its id."""
    flag: FlagKind | Literal[""] = ""
    """A kind of flag that it must have."""
    since: Annotated[int, msgspec.Meta(ge=0, le=2**53)] = 0
    """Changed at this time or later."""
    order: Order = "changed"
    limit: Annotated[int, msgspec.Meta(ge=1, le=500)] = 50
    after: Annotated[str, msgspec.Meta(max_length=200)] = ""
    """The cursor that a page gave."""


class Summaries(msgspec.Struct, frozen=True, kw_only=True):
    """A page of a list."""

    sessions: tuple[Summary, ...]
    next: str | None
    """The cursor of the next page; `null` after the last."""
    total: int | None = None
    """How many there are in all; `null` when that is not counted, as with a search."""


class Overview(msgspec.Struct, frozen=True, kw_only=True):
    """How a tenant stands now."""

    running: int
    waiting: int
    idle: int
    closed: int
    approvals: int
    """Calls that wait for a decision."""
    questions: int
    doubts: int
    oldest_wait: int | None
    """Since when the oldest of these waits."""
    queued: int
    """Sessions with a message that nobody took up."""
    oldest_queued: int | None
    runs_today: int
    failed_today: int
    """Runs that failed or were stopped today (UTC)."""
    flags_today: int
    spent_today_usd: float
    budget_usd: float | None
    tokens_today: int


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """What a stretch of time came to, for one name."""

    at: int
    """When it begins."""
    name: str
    """An agent or a model."""
    cost_usd: float
    tokens: int
    calls: int


class ToolFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How a tool did."""

    tool: str
    calls: int
    """Those that were made: neither denied nor simulated."""
    ok: int
    failed: int
    denied: int
    doubts: int
    p50_ms: float | None
    p95_ms: float | None
    cost_usd: float


class AgentFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How an agent did."""

    agent: str
    runs: int
    done: int
    failed: int
    stopped: int
    cancelled: int
    steps: int
    tokens: int
    cost_usd: float
    cost_per_run_usd: float | None
    tokens_per_step: float | None
    p50_ms: float | None
    """Of a run from its beginning to its end, sleep included."""
    p95_ms: float | None


class ModelFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How a model did."""

    model: str
    calls: int
    failed: int
    hits: int
    """Answers from a cache of ours."""
    input: int
    output: int
    cached: int
    cost_usd: float
    p50_ms: float | None
    p95_ms: float | None


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """What a span of time came to."""

    since: int
    until: int
    step: int
    """Milliseconds that a bucket is long."""
    by_agent: tuple[Bucket, ...]
    by_model: tuple[Bucket, ...]
    agents: tuple[AgentFigures, ...]
    models: tuple[ModelFigures, ...]
    tools: tuple[ToolFigures, ...]


class Flag(msgspec.Struct, frozen=True, kw_only=True):
    """Something a person should look at."""

    session: str
    agent: str
    seq: int
    """Its place in the session."""
    at: int
    kind: FlagKind
    what: str
    """The kind as the journal has it."""
    level: str
    reason: str
    call: str
    tool: str
    resolved: bool
    """For what was in doubt: whether somebody found out."""


class FlagPage(msgspec.Struct, frozen=True, kw_only=True):
    """A page of flags, newest first."""

    flags: tuple[Flag, ...]
    next: str | None


class Changes(msgspec.Struct, frozen=True, kw_only=True):
    """Sessions that changed since the last ones were told, as they are now."""

    sessions: tuple[Summary, ...]


class Projection(Protocol):
    """What can be asked across the sessions of a tenant."""

    async def list(self, tenant: str, listing: Listing) -> Summaries:
        """List sessions; raise `RefusedError` for a cursor of none of its pages."""
        ...

    async def overview(self, tenant: str) -> Overview:
        """Say how it stands."""
        ...

    async def figures(self, tenant: str, *, since: int, until: int, step: int) -> Figures:
        """Say what a span of time came to, in buckets of `step` milliseconds, at least an hour each.

        The span is rounded to whole hours and the step lengthened where there would be more than 24 * 92 buckets; the
        answer says to what. Buckets in which nothing happened are left out.
        """
        ...

    async def flags(self, tenant: str, *, kinds: Sequence[FlagKind] = (), limit: int = 50, after: str = "") -> FlagPage:
        """List flags, newest first."""
        ...

    def changes(self, tenant: str) -> AbstractAsyncContextManager[AsyncIterator[Changes]]:
        """Follow what changes, at most once a second; who reads too slowly gets the newest of each session only."""
        ...
