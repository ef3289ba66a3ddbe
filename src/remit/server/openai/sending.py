"""Sending: leaves a message once, however often its request is made. The journal remembers; this process does not.

The official clients send no idempotency key of their own. They say how many times they have tried before, so that a
request which is made again finds what the same request left a moment ago; with an `Idempotency-Key` it always does.
"""

import hashlib
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import msgspec

from remit.core.errors import UnknownSessionError
from remit.core.events import MessageReceived, Record
from remit.core.values import JsonValue, now_ms
from remit.runtime import Said
from remit.server.access.port import Principal
from remit.server.openai.contents import words
from remit.server.openai.marks import Mark
from remit.server.openai.problems import UnfitError
from remit.server.service import RefusedError, Service, Stream, Wish

_LOOKED_AT = 32
"""Of the sessions that began with the same words, how many are looked at, newest first."""

_PATIENCE, _MOST_PATIENCE = 600.0, 24 * 3600.0
"""Seconds that a client waits for an answer when it does not say how long, and that it is believed to at most."""


def digest(*of: JsonValue) -> str:
    """Hash values, the same for the same."""
    return hashlib.sha256(msgspec.json.encode(of, order="sorted")).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Attempt:
    """Which request this is, and whether it was made before."""

    body: str
    """Hash of who asks and of all that is asked."""
    key: str = ""
    """Of the `Idempotency-Key`; empty without one."""
    tried: int = 0
    """How often it was made before."""
    patience: float = _PATIENCE

    @property
    def since(self) -> int:
        """Since when an earlier try can have been made, in milliseconds since the epoch."""
        return now_ms() - int((self.patience + 60) * self.tried * 1000)

    def before(self, records: Sequence[Record]) -> str:
        """Give the key that this request's message has in a session, empty when it was not left there before."""
        found = [(r.at, r.event.key) for r in records if isinstance(r.event, MessageReceived)]
        if self.key:
            return self.key if any(key == self.key for _, key in found) else ""
        mine = [(at, key) for at, key in found if key.startswith(self.body)]
        return mine[-1][1] if self.tried and mine and mine[-1][0] >= self.since else ""

    def fresh(self, records: Sequence[Record]) -> str:
        """Give a key for a message that no earlier request left."""
        if self.key:
            return self.key
        had = sum(1 for r in records if isinstance(r.event, MessageReceived) and r.event.key.startswith(self.body))
        return f"{self.body}.{had}"


def attempt(principal: Principal, headers: Mapping[str, str], *asked: JsonValue) -> Attempt:
    """Read from the headers whether a request was made before."""
    key, tried = headers.get("idempotency-key", ""), headers.get("x-stainless-retry-count", "")
    said = headers.get("x-stainless-read-timeout", "")
    patience = min(float(said), _MOST_PATIENCE) if said.replace(".", "", 1).isdecimal() else _PATIENCE
    who = (principal.tenant, principal.name)
    return Attempt(
        "openai." + digest(*who, *asked),
        "openai-key." + digest(*who, key) if key else "",
        min(int(tried[:9]), 20) if tried.isascii() and tried.isdecimal() else 0,
        patience,
    )


@dataclass(frozen=True, slots=True)
class Left:
    """A message that was left, and a reader of its session from the beginning."""

    session: str
    seq: int
    stream: Stream

    def mark(self, since: int = 0) -> Mark:
        """Give where its answer begins."""
        return Mark(self.session, since or self.seq, self.seq)


async def post(
    front: tuple[Service, Principal], session: str, said: Said, tried: Attempt, leaving: AsyncExitStack
) -> Left:
    """Leave a message in a session that there is, once."""
    service, principal = front
    await service.owned.check(principal, session)
    # Before there is anything to read, so that nothing that is written now is missed.
    stream = await leaving.enter_async_context(service.streams.follow(principal, session, 0))
    key = tried.before(stream.past)
    if key:
        return Left(session, _same(stream.past, key, said), stream)
    return Left(session, await service.post(principal, session, said, key=tried.fresh(stream.past)), stream)


@dataclass(frozen=True, slots=True)
class Slots:
    """The sessions that began with the same words, said by the same principal: numbered, as there may be many."""

    service: Service
    principal: Principal
    agent: str
    root: str
    """Hash of what they began with."""

    def name(self, place: int) -> str:
        """Name one of them."""
        named = f"oai-{digest(self.agent, self.root)[:16]}-{place}"
        return f"{self.principal.tenant}.{named}" if len(self.service.home.tenants) > 1 else named

    async def count(self) -> int:
        """Say how many there are, in as many looks as the number has bits, twice."""
        low, high = 0, 1
        while await self._taken(high - 1):
            low, high = high, high * 2
        while low < high - 1:
            middle = (low + high) // 2
            low, high = (middle, high) if await self._taken(middle - 1) else (low, middle)
        return low

    async def newest(self) -> dict[str, list[Record]]:
        """Read those that were begun last."""
        count = await self.count()
        names = [self.name(place) for place in range(count - 1, max(count - _LOOKED_AT, 0) - 1, -1)]
        return {name: await self.service.owned.records(self.principal, name) for name in names}

    async def begin(self, said: Said, tried: Attempt, leaving: AsyncExitStack) -> Left:
        """Begin one with a message, once."""
        found = await self.newest() if tried.key or tried.tried else {}
        for session, records in found.items():
            key = tried.before(records)
            if key:
                return Left(session, _same(records, key, said), await self._read(session, leaving))
        place = await self.count()
        while True:
            async with AsyncExitStack() as trying:
                # As in `post`.
                stream = await self._read(self.name(place), trying)
                seq = await self._begin(place, said, tried)
                if seq:
                    leaving.push_async_exit(trying.pop_all())
                    return Left(self.name(place), seq, stream)
            place += 1

    async def _begin(self, place: int, said: Said, tried: Attempt) -> int:
        """Begin the one at a place, and give the number of the message; 0 when another request began it."""
        name, key = self.name(place), tried.key or f"{tried.body}.{place}"
        try:
            begun = await self.service.begin(self.principal, Wish(self.agent, said, key, name))
        except RefusedError as error:
            if error.kind == "conflict" and await self._taken(place):
                return 0
            raise
        # Somebody else may have asked the same at the same moment, and each is to have an answer of their own.
        mine = begun.new or tried.key or tried.tried
        return _same(await self.service.owned.records(self.principal, name), key, said) if mine else 0

    def _read(self, session: str, leaving: AsyncExitStack) -> Awaitable[Stream]:
        return leaving.enter_async_context(self.service.streams.follow(self.principal, session, 0))

    async def _taken(self, place: int) -> bool:
        try:
            await self.service.owned.check(self.principal, self.name(place))
        except UnknownSessionError:
            return False
        return True


def _same(records: Sequence[Record], key: str, said: Said) -> int:
    """Give the number of the message with this key; raise `UnfitError` when it says something else."""
    for record in records:
        event = record.event
        if isinstance(event, MessageReceived) and event.key == key:
            if event.text != words(said) and key.startswith("openai-key."):
                raise UnfitError(
                    "Idempotency-Key", "this Idempotency-Key was sent with another request before", status=422
                )
            return record.seq
    raise RefusedError("conflict", "the message was not kept; send it again")
