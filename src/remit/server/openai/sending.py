"""Sending: leaves a message once, however often its request is made. The journal remembers; this process does not.

The official clients send no idempotency key of their own. They say how many times they have tried before, so that a
request which is made again finds what the same request left a moment ago; with an `Idempotency-Key` it always does.
"""

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

import msgspec

from remit.core.errors import UnknownSessionError
from remit.core.events import MessageReceived, Record
from remit.core.values import JsonObject, JsonValue, now_ms
from remit.runtime import Said
from remit.server.access.port import Principal
from remit.server.openai.marks import Mark
from remit.server.openai.problems import UnfitError
from remit.server.service import RefusedError, Service, Stream, Wish

_LOOKED_AT = 32
"""Of the sessions that began with the same words, how many are looked at, newest first."""

_PATIENCE, _MOST_PATIENCE = 600.0, 24 * 3600.0
"""Seconds that a client waits for an answer when it does not say how long, and that it is believed to at most."""


_HOW = frozenset({"background", "stream", "stream_options"})
"""Fields that say how an answer is to be given, and nothing of what is asked."""


def digest(*of: JsonValue) -> str:
    """Hash values, the same for the same."""
    return hashlib.sha256(msgspec.json.encode(of, order="sorted")).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class Attempt:
    """Which request this is, and whether it was made before."""

    body: str
    """Hash of who asks and of all that is asked."""
    name: str = ""
    """Of the `Idempotency-Key`; empty without one."""
    tried: int = 0
    """How often it was made before."""
    patience: float = _PATIENCE
    trace: str = ""
    """The W3C `traceparent` of who asks."""

    @property
    def again(self) -> bool:
        """Whether it may have been made before."""
        return bool(self.name or self.tried)

    @property
    def since(self) -> int:
        """Since when an earlier try can have been made, in milliseconds since the epoch."""
        return now_ms() - int((self.patience + 60) * self.tried * 1000)

    def before(self, records: Sequence[Record]) -> str:
        """Give the key that this request's message has in a session, empty when it was not left there before.

        Raise `UnfitError` when its `Idempotency-Key` came with another request.
        """
        if not self.again:
            return ""
        found = _messages(records)
        if self.name:
            mine = [key for key in found if key.startswith(f"{self.name}.")]
            if mine and self.key(0) not in mine:
                what = "this Idempotency-Key was sent with another request before"
                raise UnfitError("Idempotency-Key", what, status=422)
            return mine[0] if mine else ""
        tries = [key for key, one in found.items() if key.startswith(f"{self.body}.") and one.at >= self.since]
        return tries[-1] if tries else ""

    def key(self, number: int) -> str:
        """Give a key for its message, where so many were left by requests just like it, each for itself."""
        return f"{self.name}.{self.body}" if self.name else f"{self.body}.{number}"

    def fresh(self, records: Sequence[Record]) -> str:
        """Give a key for a message that no earlier request left."""
        return self.key(sum(key.startswith(f"{self.body}.") for key in _messages(records)))


def attempt(principal: Principal, headers: Mapping[str, str], kind: str, fields: JsonObject) -> Attempt:
    """Read from the headers whether a request was made before."""
    key, tried = headers.get("idempotency-key", ""), headers.get("x-stainless-retry-count", "")
    said = headers.get("x-stainless-read-timeout", "")
    patience = min(float(said), _MOST_PATIENCE) if said.replace(".", "", 1).isdecimal() else _PATIENCE
    who = (principal.tenant, principal.name)
    return Attempt(
        "openai." + digest(*who, kind, {name: value for name, value in fields.items() if name not in _HOW}),
        "openai-key." + digest(*who, key) if key else "",
        min(int(tried[:9]), 20) if tried.isascii() and tried.isdecimal() else 0,
        patience,
        headers.get("traceparent", ""),
    )


def _messages(records: Sequence[Record]) -> Mapping[str, Record]:
    """Give the messages of a session by their keys, in order."""
    found: dict[str, Record] = {}
    for one in records:
        if isinstance(one.event, MessageReceived) and one.event.key:
            # Where two processes took it in, it is the first.
            found.setdefault(one.event.key, one)
    return found


@dataclass(frozen=True, slots=True)
class Left:
    """A message that was left, and a reader of its session from the beginning."""

    session: str
    seq: int
    stream: Stream

    def mark(self, since: int = 0) -> Mark:
        """Give where its answer begins."""
        return Mark(self.session, since or self.seq, self.seq)


async def reader(service: Service, principal: Principal, session: str, leaving: AsyncExitStack) -> Stream:
    """Read a session from its beginning; to be had before anything is written, so that nothing of it is missed."""
    await service.owned.check(principal, session)
    return await leaving.enter_async_context(service.streams.follow(principal, session, 0))


async def begin(
    service: Service, principal: Principal, wish: Wish, tried: Attempt, leaving: AsyncExitStack
) -> Left | None:
    """Begin a session with a message, once; `None` when another request has begun it."""
    async with AsyncExitStack() as trying:
        # As in `reader`; that it is theirs is seen to before anything of it is shown.
        stream = await trying.enter_async_context(service.streams.follow(principal, wish.session, 0))
        try:
            begun = await service.begin(principal, wish)
        except RefusedError as error:
            if error.kind == "conflict" and await _there(service, principal, wish.session):
                return None
            raise
        if not (begun.new or tried.again):
            # Somebody else may have asked the same at the same moment, and each is to have an answer of their own.
            return None
        records = await service.owned.records(principal, wish.session)
        leaving.push_async_exit(trying.pop_all())
        return Left(wish.session, _messages(records)[wish.key].seq, stream)


async def post(service: Service, principal: Principal, stream: Stream, said: Said, tried: Attempt) -> Left:
    """Leave a message in a session that is read, once."""
    session, key = stream.session, tried.before(stream.past)
    if key:
        # Even where nothing more can be left.
        return Left(session, _messages(stream.past)[key].seq, stream)
    key = tried.fresh(stream.past)
    return Left(session, await service.post(principal, session, said, key=key, trace=tried.trace), stream)


async def _there(service: Service, principal: Principal, session: str) -> bool:
    try:
        await service.owned.check(principal, session)
    except UnknownSessionError:
        return False
    return True


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

    async def newest(self) -> AsyncIterator[tuple[str, list[Record]]]:
        """Read those that were begun last, one after the other."""
        count = await self.count()
        for place in range(count - 1, max(count - _LOOKED_AT, 0) - 1, -1):
            name = self.name(place)
            yield name, await self.service.owned.records(self.principal, name)

    async def left(self, tried: Attempt) -> tuple[str, int] | None:
        """Give the session that this same request began before, and the number of its message there."""
        if tried.again:
            async for session, records in self.newest():
                key = tried.before(records)
                if key:
                    return session, _messages(records)[key].seq
        return None

    async def begin(self, said: Said, tried: Attempt, leaving: AsyncExitStack) -> Left:
        """Begin one with a message, once."""
        front = self.service, self.principal
        before = await self.left(tried)
        if before is not None:
            session, seq = before
            return Left(session, seq, await reader(*front, session, leaving))
        place = await self.count()
        while True:
            wish = Wish(self.agent, said, tried.key(place), self.name(place), tried.trace)
            left = await begin(*front, wish, tried, leaving)
            if left is not None:
                return left
            place += 1

    async def _taken(self, place: int) -> bool:
        return await _there(self.service, self.principal, self.name(place))
