"""Starting: begins a session for something that happened, once, whoever else was told of it and however often."""

import logging
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from remit.core.errors import RemitError, UnknownSessionError
from remit.core.values import now_ms
from remit.server.access.port import Principal
from remit.server.access.records import LONGEST, AuditLog, AuditRecord
from remit.server.service import RefusedError, Service, Wish, name_of
from remit.telemetry.metrics import Measured, Sample
from remit.telemetry.metrics.families import Family

_log = logging.getLogger("remit.beginnings")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

Kind = Literal["schedule", "hook", "inbox"]
End = Literal["begun", "known", "missed", "skipped", "refused", "failed"]
"""A session was begun, there is one already; nobody was there and nobody shall be; not meant for an agent; not to be;
not now, and it is tried again."""

BEGINNINGS = Family(
    "remit_beginnings_total", "counter", "What was to begin a session, by how it ended.", ("kind", "name", "end")
)


class TakenError(RemitError):
    """A session that is not about this has its name; nothing was begun, and nothing can be."""


@dataclass(frozen=True, slots=True)
class Source:
    """What begins sessions, and for whom."""

    kind: Kind
    name: str
    agent: str
    tenant: str

    @property
    def by(self) -> str:
        """Whom messages are from."""
        return f"{self.kind}:{self.name}"

    @property
    def principal(self) -> Principal:
        """Who asks for the session."""
        return Principal(name=self.by, tenant=self.tenant, role="developer", how="local")


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that is to have a session."""

    source: Source
    mark: str
    """What it is told by: the minute, the delivery or the mail. The same mark is the same thing."""
    wanted: str = ""
    """What its session is to be called; made of the source and the mark when empty."""

    @property
    def key(self) -> str:
        """The idempotency key of its message."""
        return f"{self.source.kind}/{self.source.name}/{self.mark}"

    @property
    def asked(self) -> str:
        """What the session is asked to be called; nothing when no session can be called so."""
        name = self.wanted or f"{self.source.tenant}.{self.source.name}-{self.mark}"
        return name if _NAME.fullmatch(name) else ""

    @property
    def session(self) -> str:
        """What the session is called."""
        return self.asked or name_of(self.source.tenant, self.source.agent, self.key)


@dataclass(frozen=True, slots=True)
class Started:
    """A session that there is now."""

    session: str
    new: bool


@dataclass(slots=True)
class Starter:
    """Begins sessions in a service; how it ends is counted, and what a person must see is written down."""

    service: Service
    audit: AuditLog | None = None
    clock: Callable[[], int] = now_ms
    counted: Counter[tuple[str, str, str]] = field(default_factory=Counter[tuple[str, str, str]])

    async def begin(self, cause: Cause, said: str) -> Started:
        """Have a session for this, durable when this returns; `new` is false when there was one.

        Raise `TakenError` when its name is taken by another, what `Service.begin` raises when it cannot be now.
        """
        source = cause.source
        wish = Wish(source.agent, said, key=cause.key, session=cause.asked)
        try:
            begun = await self.service.begin(source.principal, wish)
        except RefusedError as error:
            if error.kind not in {"conflict", "unfit"}:
                raise
            if not (cause.wanted and await self._known(cause)):
                raise TakenError(f"{source.by} cannot begin {cause.session!r}: {error}") from None
            started = Started(cause.session, new=False)
        else:
            started = Started(begun.view.id, begun.new)
        self.count(source, "begun" if started.new else "known")
        if started.new:
            _log.info("%s began session %s of agent %s", source.by, started.session, source.agent)
        return started

    async def exists(self, cause: Cause) -> bool:
        """Say whether there is a session for this."""
        try:
            await self.service.owned.check(cause.source.principal, cause.session)
        except UnknownSessionError:
            return False
        return True

    async def _known(self, cause: Cause) -> bool:
        """Say whether a session of this name, which tells what it is about, has the same agent at work."""
        try:
            return await self.service.owned.check(cause.source.principal, cause.session) == cause.source.agent
        except UnknownSessionError:
            return False

    def count(self, source: Source, end: End, times: int = 1) -> None:
        """Count how something ended."""
        self.counted[source.kind, source.name, end] += times

    async def tell(self, source: Source, what: str) -> None:
        """Write down for a person what came to nothing for good."""
        _log.warning("%s: %s", source.by, what)
        if self.audit is None:
            return
        record = AuditRecord(
            at=self.clock(), allowed=False, what=what[:LONGEST], name=source.by, tenant=source.tenant, how="local"
        )
        try:
            await self.audit.write(record)
        except RemitError as error:
            _log.warning("%s: the audit log does not take that: %s", source.by, error)

    def measured(self, now: int) -> list[Measured]:
        """Tell what began: a source of metrics."""
        del now
        return [Measured(BEGINNINGS, tuple(Sample(labels, float(count)) for labels, count in self.counted.items()))]
