"""Rate limited: keeps all sessions within the requests and tokens a minute that a provider allows a key.

Each limit is a token bucket that fills continuously. Who waits is let through in order of arrival. A `Rate` is for one
process; a `SharedRate` is one worker's part of a pace that a fleet keeps.
"""

import asyncio
import hashlib
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import msgspec

from remit.core.errors import ConfigError, ModelError, OverloadedError, RateLimitError
from remit.core.messages import Usage
from remit.core.ports import Clock, Emit, Model, ModelSpec, Reply, Request
from remit.models.wrappers.lengths import estimated

_LONGEST_PAUSE = 600.0
"""Seconds that a provider's wish stops everybody for at most; after that it is asked again."""

_INSTANT = 1e-6
"""Seconds that are no wait: a clock cannot tell them from none, and sleeping for them would never end."""

_NONE = Usage()


class Pace(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider allows a key; `None` for no limit of this kind."""

    requests: float | None = None
    """A minute."""
    tokens: float | None = None
    """A minute, of input and output together."""
    burst: float = 10.0
    """Seconds' worth that may be used at once; a provider that counts by the minute never sees much more than that."""
    cached: float = 1.0
    """How much of a token counts that the provider read from its cache: 0 where those are not limited."""
    patience: float = 60.0
    """Seconds that anyone waits at most."""

    def __post_init__(self) -> None:
        """Refuse figures with which nothing would ever go through."""
        limits = [limit for limit in (self.requests, self.tokens) if limit is not None]
        if min([*limits, self.burst], default=1.0) <= 0 or not 0 <= self.cached <= 1 or self.patience < 0:
            raise ConfigError(f"{self} needs limits and a burst above 0, a patience of at least 0, cached from 0 to 1")


@dataclass(slots=True)
class _Bucket:
    """Fills at a steady rate. Its level may fall below nothing: a debt that must be made good before the next taker."""

    rate: float
    """A second."""
    size: float
    level: float
    at: float

    def missing(self, amount: float, now: float) -> float:
        """Say in how many seconds so much will have come in; 0 when it is there now."""
        self.level = min(self.size, self.level + (now - self.at) * self.rate)
        self.at = now
        return max(0.0, (amount - self.level) / self.rate)


def _bucket(a_minute: float | None, burst: float, now: float) -> _Bucket | None:
    if a_minute is None:
        return None
    rate, size = _bound(a_minute, burst)
    return _Bucket(rate, size, size, now)


@dataclass(slots=True, eq=False)
class _Ticket:
    """A place in the queue."""

    tokens: float
    deadline: float
    loop: asyncio.AbstractEventLoop
    turn: asyncio.Event = field(default_factory=asyncio.Event)

    def call(self) -> None:
        """Have it look again, in whichever loop it waits."""
        if not self.loop.is_closed():
            self.loop.call_soon_threadsafe(self.turn.set)


class Rate:
    """What is left of a provider's limits for one key, shared by passing the same object. Threads may share it too."""

    def __init__(
        self,
        pace: Pace,
        *,
        clock: Clock = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Begin with full buckets."""
        now = clock()
        self.pace = pace
        self._clock, self._sleep = clock, sleep
        self._requests = _bucket(pace.requests, pace.burst, now)
        self._tokens = _bucket(pace.tokens, pace.burst, now)
        self._paused = now
        self._queue: deque[_Ticket] = deque()
        self._lock = threading.Lock()

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._queue)

    async def take(self, tokens: float) -> None:
        """Wait for room for a request of so many tokens; raise `RateLimitError` when that would take too long."""
        with self._lock:
            ahead = sum(ticket.tokens for ticket in self._queue)
            wait = self._wait(tokens, ahead, len(self._queue))
            if not self._queue and wait <= 0:
                self._spend(tokens)
                return
            ticket = _Ticket(tokens, self._clock() + self.pace.patience, asyncio.get_running_loop())
            self._refuse(ticket, wait)
            self._queue.append(ticket)
        try:
            while (wait := self._try(ticket)) > 0:
                await self._pass(ticket, wait)
        finally:
            with self._lock:
                self._queue.remove(ticket)
                self._wake()

    def give_back(self, tokens: float) -> None:
        """Put back tokens that were not used after all, or with a negative number take what was used beyond."""
        with self._lock:
            if self._tokens is not None:
                self._tokens.level += tokens
            if tokens > 0:
                self._wake()

    def pause(self, seconds: float) -> None:
        """Let nobody through for so many seconds: the provider wishes it."""
        with self._lock:
            self._paused = max(self._paused, self._clock() + min(seconds, _LONGEST_PAUSE))
            self._wake()

    def _try(self, ticket: _Ticket) -> float:
        """Take what a ticket is for and give 0; else give the seconds to wait, infinite when it is not first."""
        with self._lock:
            if self._queue[0] is not ticket:
                return float("inf")
            wait = self._wait(ticket.tokens)
            if wait <= 0:
                self._spend(ticket.tokens)
            else:
                self._refuse(ticket, wait)
            ticket.turn.clear()
            return wait

    async def _pass(self, ticket: _Ticket, seconds: float) -> None:
        """Wait until it is time or something has changed."""
        if seconds == float("inf"):
            await ticket.turn.wait()
            return
        waits = {asyncio.ensure_future(self._sleep(seconds)), asyncio.ensure_future(ticket.turn.wait())}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for each in waits:
                each.cancel()

    def _wait(self, tokens: float, ahead: float = 0.0, requests: int = 0) -> float:
        """Say how many seconds it is until a request of so many tokens may go, after what is ahead of it."""
        now = self._clock()
        waits = [0.0, self._paused - now]
        if self._requests is not None:
            waits.append(self._requests.missing(requests + 1, now))
        if self._tokens is not None:
            # What is larger than the bucket goes when it is full, and leaves a debt.
            waits.append(self._tokens.missing(ahead + min(tokens, self._tokens.size), now))
        wait = max(waits)
        return wait if wait > _INSTANT else 0.0

    def _spend(self, tokens: float) -> None:
        if self._requests is not None:
            self._requests.level -= 1
        if self._tokens is not None:
            self._tokens.level -= tokens

    def _refuse(self, ticket: _Ticket, wait: float) -> None:
        if self._clock() + wait > ticket.deadline:
            raise _too_long(wait, self.pace)

    def _wake(self) -> None:
        if self._queue:
            self._queue[0].call()


class Allotment(Protocol):
    """One worker's part of what a fleet may use together, in several dimensions."""

    async def take(self, need: Sequence[float], patience: float) -> float | None:
        """Use so much once it is there; give the seconds until it may be when that is longer than patience lasts."""
        ...

    def give_back(self, amounts: Sequence[float]) -> None:
        """Take back what was not used after all, or with negative numbers what was used beyond."""
        ...

    def pause(self, seconds: float) -> None:
        """Have nobody in the fleet use anything for so many seconds."""
        ...


_UNBOUNDED = (1e15, 1e15)
"""What stands for no limit: a rate and a size that nobody comes near."""


class SharedRate:
    """What a fleet has left of a provider's limits for one key."""

    def __init__(self, pace: Pace, allotment: Callable[[Sequence[tuple[float, float]]], Allotment]) -> None:
        """Take a pace, and what makes the part of this worker from rates a second and sizes: requests, then tokens."""
        self.pace = pace
        self._allotment = allotment([_bound(pace.requests, pace.burst), _bound(pace.tokens, pace.burst)])

    async def take(self, tokens: float) -> None:
        """Wait for room for a request of so many tokens; raise `RateLimitError` when that would take too long."""
        wait = await self._allotment.take((1.0, tokens), self.pace.patience)
        if wait is not None:
            raise _too_long(wait, self.pace)

    def give_back(self, tokens: float) -> None:
        """Put back tokens that were not used after all, or with a negative number take what was used beyond."""
        self._allotment.give_back((0.0, tokens))

    def pause(self, seconds: float) -> None:
        """Let nobody of the fleet through for so many seconds: the provider wishes it."""
        self._allotment.pause(min(seconds, _LONGEST_PAUSE))


def _bound(a_minute: float | None, burst: float) -> tuple[float, float]:
    return _UNBOUNDED if a_minute is None else (a_minute / 60.0, max(1.0, a_minute / 60.0 * burst))


def _too_long(wait: float, pace: Pace) -> RateLimitError:
    return RateLimitError(
        f"the next request may go in {wait:.1f} s, and nobody waits longer than {pace.patience:g} s here",
        retry_after=wait,
    )


class RateLimited:
    """Waits until a request fits a rate. Its tokens are estimated before and corrected by what the provider counted."""

    def __init__(self, model: Model, rate: Rate | SharedRate) -> None:
        """Share one rate among all models that use the same provider and key."""
        self._model = model
        self._rate = rate

    @property
    def spec(self) -> ModelSpec:
        """The model's."""
        return self._model.spec

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Answer; raise `RateLimitError` without a call when the wait would be longer than the rate's patience."""
        held = float(estimated(request) + request.max_output)
        await self._rate.take(held)
        try:
            reply = await self._model.complete(request, emit)
        except ModelError as error:
            if error.retry_after is not None and isinstance(error, RateLimitError | OverloadedError):
                self._rate.pause(error.retry_after)
            if error.free:
                self._rate.give_back(held)
            raise
        if reply.hit:
            self._rate.give_back(held)
        elif reply.usage != _NONE:
            self._rate.give_back(held - self._counted(reply.usage))
        return reply

    def _counted(self, usage: Usage) -> float:
        return usage.input - usage.cached * (1.0 - self._rate.pace.cached) + usage.output


def key_digest(provider: str, key: str) -> str:
    """Name a provider's key without saying it."""
    return hashlib.sha256(f"{provider}\0{key}".encode("utf-8", "surrogatepass")).hexdigest()


_rates: dict[tuple[str, str], Rate] = {}
_registering = threading.Lock()


def shared_rate(provider: str, key: str, pace: Pace) -> Rate:
    """Give the one rate of this process for a provider and a key; raise `ConfigError` when it has another pace.

    The key itself is not kept.
    """
    place = (provider, key_digest(provider, key))
    with _registering:
        rate = _rates.setdefault(place, Rate(pace))
    if rate.pace != pace:
        raise ConfigError(f"the key for {provider!r} has two paces, {rate.pace} and {pace}; give it one")
    return rate
