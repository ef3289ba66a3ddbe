"""Hedged: asks a second time when the first answer is late, and takes whichever speaks first.

Source: J. Dean and L. A. Barroso, "The Tail at Scale", Communications of the ACM 56(2), 2013: a second request after
the 95th percentile, so that few requests are doubled and the tail is cut off.
"""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from math import ceil

import msgspec

from remit.core.errors import ConfigError, ModelError
from remit.core.ports import Clock, Delta, Emit, Model, ModelSpec, Reply, Request
from remit.models.wrappers.lost import raised, settle, worst

_QUANTILE = 0.95
_WINDOW = 256
"""Calls that the running quantile looks back on."""

_ENOUGH = 20
"""Calls before it says anything: with fewer, a 95th percentile is only the slowest of them."""

_SAVED = 10.0
"""Second requests that may be saved up for a bad minute."""

_ONE = 1.0 - 1e-9
"""One of them: ten tenths add up to a little less."""


@dataclass(slots=True, eq=False)
class _Runner:
    """One of two requests for the same answer."""

    stop: Callable[[], object] = lambda: None
    begun: float | None = None
    """When it went out; `None` while it has not."""
    reply: Reply | None = None
    error: ModelError | None = None

    @property
    def running(self) -> bool:
        """Whether it is under way."""
        return self.begun is not None and self.reply is None and self.error is None

    def may_have_cost(self, *, spoke: bool) -> bool:
        """Say whether it may be billed although it gave no answer."""
        return self.begun is not None and (self.error is None or spoke or not self.error.free)


@dataclass(slots=True, eq=False)
class _Race:
    """Two requests for one answer: who speaks first wins, and the other is stopped."""

    emit: Emit
    heard: Callable[[float], None]
    """Told how long it took until a runner spoke, or was stopped."""
    clock: Clock
    first: _Runner = field(default_factory=_Runner)
    second: _Runner = field(default_factory=_Runner)
    winner: _Runner | None = None

    async def run(self, runner: _Runner, model: Model, request: Request) -> None:
        """Send one of the requests and keep what comes of it."""

        def show(delta: Delta) -> None:
            if delta.text:
                self._lead(runner)
            if self.winner is runner:
                self.emit(delta)

        runner.begun = self.clock()
        try:
            reply = await model.complete(request, show)
        except ModelError as error:
            runner.error = error
            return
        self._lead(runner)
        runner.reply = reply

    def _lead(self, runner: _Runner) -> None:
        if self.winner is not None:
            return
        self.winner = runner
        now = self.clock()
        for each in (self.first, self.second):
            if each.begun is not None and each.error is None:
                # What the other took so far counts as well, or only quick calls would ever be measured.
                self.heard(now - each.begun)
            if each is not runner:
                each.stop()

    def result(self, spec: ModelSpec, request: Request) -> Reply:
        """Give the winner's answer with what the other may have cost; raise when there is none."""
        answered = self.winner if self.winner is not None and self.winner.reply is not None else None
        others = [runner for runner in (self.first, self.second) if runner is not answered]
        lost = sum(runner.may_have_cost(spoke=runner is self.winner) for runner in others)
        if answered is not None and answered.reply is not None:
            return settle(spec, answered.reply, lost * worst(spec, request)) if lost else answered.reply
        last = self.winner or (self.first if self.second.error is None else self.second)
        assert last.error is not None
        raise raised(last.error, lost)


class Hedged:
    """Makes a second request when the first has not spoken for longer than 95 of 100 do; the quicker one answers.

    The hold is for both. The one that lost is cancelled, and counts with the most it may have cost.
    """

    def __init__(
        self,
        model: Model,
        *,
        after: float | None = None,
        share: float = 0.1,
        clock: Clock = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Wait for `after` seconds while fewer than 20 calls were timed; hedge at most this share of all calls."""
        if not 0 < share <= 1 or (after is not None and after < 0):
            raise ConfigError(f"share is above 0 and up to 1, after at least 0 seconds, not {share!r} and {after!r}")
        self._model = model
        self._after, self._share = after, share
        self._clock, self._sleep = clock, sleep
        self._timed: deque[float] = deque(maxlen=_WINDOW)
        self._saved = 0.0
        self._spec = msgspec.structs.replace(model.spec, calls=model.spec.calls * 2)

    @property
    def spec(self) -> ModelSpec:
        """The model's, with twice as many billed calls."""
        return self._spec

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Answer; raise a `ModelError` when neither request has an answer."""
        race = _Race(emit, self._timed.append, self._clock)
        self._saved = min(self._saved + self._share, _SAVED)
        patience = self._patience()
        if patience is None:
            await race.run(race.first, self._model, request)
        else:
            await self._both(race, request, patience)
        return race.result(self._model.spec, request)

    async def _both(self, race: _Race, request: Request, patience: float) -> None:
        late = asyncio.create_task(self._late(race, request, patience))
        race.second.stop = late.cancel
        try:
            await self._ahead(race, request)
            if race.second.running:
                await asyncio.wait([late])
        finally:
            late.cancel()
            await asyncio.wait([late])
        if not late.cancelled():
            late.result()

    async def _ahead(self, race: _Race, request: Request) -> None:
        """Run the first in the caller's own task, so that what ends the one ends the other."""
        # A limit that is only set when the other wins: how a task stops a part of itself.
        limit = asyncio.timeout(None)
        try:
            async with limit:
                race.first.stop = lambda: limit.reschedule(asyncio.get_running_loop().time())
                try:
                    await race.run(race.first, self._model, request)
                finally:
                    race.first.stop = _already
        except TimeoutError:
            if not limit.expired():
                raise

    def _patience(self) -> float | None:
        """Say for how many seconds to wait before the second request; `None` when there may be none."""
        if self._saved < _ONE:
            return None
        if len(self._timed) < _ENOUGH:
            return self._after
        return sorted(self._timed)[ceil(_QUANTILE * len(self._timed)) - 1]

    async def _late(self, race: _Race, request: Request, patience: float) -> None:
        await self._sleep(patience)
        # Looked at again: others may have used up the share meanwhile.
        if self._saved >= _ONE:
            self._saved -= 1.0
            await race.run(race.second, self._model, request)


def _already() -> None:
    """Stop what has ended: nothing is left to do."""
