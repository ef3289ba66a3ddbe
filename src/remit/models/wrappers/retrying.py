"""Retrying: a model that asks again when that is safe and the budget covers it."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import msgspec

from remit.core.errors import ConfigError, ModelError
from remit.core.ports import Emit, Model, ModelSpec, Reply, Request
from remit.models.wrappers.lost import Attempts, raised, settle, worst


@dataclass(frozen=True, slots=True)
class Backoff:
    """How long to wait between attempts: exponential with full jitter, or what the provider wishes.

    Source: M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """

    first: float = 0.5
    """Seconds that the first wait takes at most."""
    cap: float = 30.0
    """Seconds that any wait takes at most, whatever the provider wishes."""
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    draw: Callable[[], float] = random.random
    """Draws from [0, 1)."""

    async def wait(self, attempt: int, wish: float | None) -> None:
        """Wait before the attempt after this one (the first is 0)."""
        limit = min(self.cap, self.first * 2.0 ** min(attempt, 32))
        # A wish is a lower bound; the jitter on top keeps those who were refused together from coming back together.
        wanted = self.draw() * limit if wish is None else max(wish, 0.0) + self.draw() * min(limit, self.first)
        await self.sleep(min(wanted, self.cap))


class Retrying:
    """Repeats calls that were surely not billed, and of those that may have been, `ambiguous` more.

    The hold of a call covers the ambiguous repeats through `spec.calls`, and the reply's cost counts what the lost ones
    may have cost.
    """

    def __init__(self, model: Model, attempts: int = 3, ambiguous: int = 0, *, backoff: Backoff | None = None) -> None:
        """Make at most `attempts` calls for one answer, of which `1 + ambiguous` may be billed."""
        if attempts < 1 or ambiguous < 0:
            raise ConfigError(f"attempts is at least 1 and ambiguous at least 0, not {attempts} and {ambiguous}")
        self._model = model
        self._attempts = attempts
        self._ambiguous = min(ambiguous, attempts - 1)
        self._backoff = backoff or Backoff()
        self._spec = msgspec.structs.replace(model.spec, calls=model.spec.calls * (1 + self._ambiguous))

    @property
    def spec(self) -> ModelSpec:
        """The model's, with as many billed calls as there may be."""
        return self._spec

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Answer; raise the last `ModelError`, or a `ModelTimeoutError` when a lost call may have been billed."""
        attempts = Attempts(emit)
        lost = 0
        for attempt in range(self._attempts):
            try:
                reply = await self._model.complete(request, attempts.show)
            except ModelError as error:
                billed = attempts.may_have_cost(error)
                lost += billed
                if not error.retryable or attempt + 1 == self._attempts or lost > self._ambiguous:
                    final = raised(error, lost)
                    if final is error:
                        raise
                    raise final from error
                await self._backoff.wait(attempt, error.retry_after)
                attempts.again()
            else:
                spec = self._model.spec
                return settle(spec, reply, lost * worst(spec, request)) if lost else reply
        raise AssertionError("the last attempt returns or raises")
