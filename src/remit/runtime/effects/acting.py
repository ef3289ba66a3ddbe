"""Acting: call a tool until it is known how the call ended. Nothing is done twice and nothing is guessed."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from remit.core.errors import InputRequiredError, RejectedError, ToolError
from remit.core.messages import Call
from remit.core.ports import Pass, Probe, Tool, ToolContext, Turn
from remit.core.values import JsonValue
from remit.runtime.world import World

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0


class Leave(Struct, frozen=True):
    """What lets one attempt begin: a turn, and passes of the circuits it goes through."""

    turn: Turn
    passes: Sequence[Pass] = ()

    @property
    def good(self) -> bool:
        """Whether no circuit has opened since."""
        return all(entered.good for entered in self.passes)

    def end(self, *, ok: bool) -> None:
        """Say that the attempt is over, and tell the circuits how it went."""
        self.turn.release()
        for entered in self.passes:
            entered.report(ok=ok)

    def release(self) -> None:
        """Give all of it back: the attempt did not begin, or nobody saw its end."""
        self.turn.release()
        for entered in self.passes:
            entered.release()


Again = Callable[[], Awaitable[Leave | str]]
"""Gets the leave for another attempt, or says why there is none."""


class Result(Struct, frozen=True):
    """How an act ended: `ok` and `failed` are certain, `unknown` means that nobody can tell, `asks` that it did not."""

    status: Literal["ok", "failed", "unknown", "asks"]
    output: JsonValue
    attempts: int = 1
    charged: bool = True
    """Whether it may have cost what the tool costs."""
    asks: InputRequiredError | None = None
    """What a person must answer first."""
    waited: float = 0.0
    """Seconds in which it did not act: it waited for its turn or to try again."""


class _Failure(Struct, frozen=True):
    """What one attempt ran into."""

    message: str
    rejected: bool
    """The world said no, so nothing happened."""
    again: bool
    wait: float | None = None
    landing: bool = False
    """Somebody stopped waiting for it, so it may still happen, whatever a probe says now."""

    @property
    def healthy(self) -> bool:
        """Whether the other side is there: it may say no and be healthy."""
        return self.rejected and not self.again

    def final(self, why: str = "") -> Result:
        """Say that nothing is tried any more."""
        return Result("failed", self.message + why, charged=not self.rejected)


async def act(tool: Tool, call: Call, context: ToolContext, world: World, leave: Leave, again: Again) -> Result:
    """Call a tool, retrying with backoff and jitter where nothing can happen twice by it; each attempt takes leave."""
    attempt, waited = 0, leave.turn.waited
    while True:
        attempt += 1
        tried = await _attempt(tool, call, context, leave)
        if isinstance(tried, Result):
            return replace(tried, attempts=attempt, waited=waited) if attempt > 1 or waited else tried
        ended = await _known(tool, call, context, tried)
        if ended is None and (not tried.again or attempt > tool.spec.retries):
            ended = tried.final()
        if ended is None:
            pause = _pause(attempt, tried.wait, world)
            await world.sleep(pause)
            waited += pause
            # An act that was cut off may still have landed while we waited.
            ended = await _known(tool, call, context, tried)
        if ended is None:
            taken = await again()
            if isinstance(taken, str):
                ended = tried.final(f"; not tried again: {taken}")
            else:
                leave, waited = taken, waited + taken.turn.waited
        if ended is not None:
            return replace(ended, attempts=attempt, waited=waited)


async def _attempt(tool: Tool, call: Call, context: ToolContext, leave: Leave) -> Result | _Failure:
    try:
        tried = await _try(tool, call, context)
    except BaseException:
        leave.release()
        raise
    # Each attempt counts: whoever waits to try again keeps nobody else from learning that the other side is down.
    leave.end(ok=isinstance(tried, Result) or tried.healthy)
    return tried


async def _try(tool: Tool, call: Call, context: ToolContext) -> Result | _Failure:
    limit = asyncio.timeout(tool.spec.timeout)
    try:
        async with limit:
            return Result("ok", await tool.call(call.args, context))
    except InputRequiredError as error:
        return Result("asks", None, charged=False, asks=error)
    except RejectedError as error:
        return _Failure(str(error), rejected=True, again=error.retryable, wait=error.retry_after)
    except Exception as error:  # noqa: BLE001 - a tool is a stranger's code: whatever it raises is an outcome
        if limit.expired():
            message = f"no answer within {tool.spec.timeout:g} s"
            return _Failure(message, rejected=False, again=True, landing=True)
        landing = isinstance(error, TimeoutError) or (isinstance(error, ToolError) and error.landing)
        return _Failure(f"{type(error).__name__}: {error}", rejected=False, again=True, landing=landing)


async def _known(tool: Tool, call: Call, context: ToolContext, failure: _Failure) -> Result | None:
    """Say how an attempt ended that failed; `None` when trying again cannot do a thing twice."""
    if failure.rejected or tool.spec.effect != "once":
        return None
    probed = await probe(tool, call, context)
    if probed is not None and probed.happened:
        return Result("ok", probed.output)
    if probed is None or failure.landing:
        return Result("unknown", failure.message)
    return None


async def probe(tool: Tool, call: Call, context: ToolContext) -> Probe | None:
    """Ask the world whether a call happened; `None` when it cannot be told."""
    if not tool.spec.reconciles:
        return None
    try:
        async with asyncio.timeout(tool.spec.timeout):
            return await tool.probe(call.args, context)
    except Exception:  # noqa: BLE001 - a probe that fails has told nothing
        return None


def _pause(attempt: int, wanted: float | None, world: World) -> float:
    """Back off exponentially with full jitter, or as long as the other side asked for (within bounds)."""
    if wanted is not None:
        return min(wanted, _LONGEST_PAUSE)
    return min(_FIRST_PAUSE * 2 ** (attempt - 1), _LONGEST_PAUSE) * world.jitter()
