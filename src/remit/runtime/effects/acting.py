"""Acting: call a tool until it is known how the call ended. Nothing is done twice and nothing is guessed."""

import asyncio
import copy
from collections.abc import Awaitable, Callable, Sequence
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from remit.core.errors import InputRequiredError, RejectedError, ToolError
from remit.core.messages import Call
from remit.core.ports import Pass, Probe, Tool, ToolContext, Turn
from remit.core.values import JsonObject, JsonValue
from remit.runtime.effects.within import Within
from remit.runtime.world import World

_ATOMS = frozenset({str, int, float, bool, type(None)})
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0


class Leave(Struct, frozen=True):
    """What lets one attempt begin: a turn, and passes of the circuits it goes through."""

    turn: Turn
    passes: Sequence[Pass] = ()

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


class Doing(Struct, frozen=True):
    """A call that is made, and all that its tool is given."""

    tool: Tool
    call: Call
    context: ToolContext
    world: World
    first: JsonObject | None = None
    """A copy of the arguments that the tool has seen already, when it checked them."""

    def args(self, attempt: int = 0) -> JsonObject:
        """Give an attempt arguments of its own: neither the next one nor a conversation sees what it does to them."""
        return self.first if attempt == 1 and self.first is not None else own(self.call.args)


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


async def act(doing: Doing, leave: Leave, again: Again) -> Result:
    """Call a tool, retrying with backoff and jitter where nothing can happen twice by it; each attempt takes leave."""
    world, attempt, waited = doing.world, 0, leave.turn.waited
    while True:
        attempt += 1
        tried = await _attempt(doing, attempt, leave)
        if isinstance(tried, Result):
            return replace(tried, attempts=attempt, waited=waited) if attempt > 1 or waited else tried
        ended = await _known(doing, tried)
        if ended is None and (not tried.again or attempt > doing.tool.spec.retries):
            ended = tried.final()
        if ended is None:
            pause = _pause(attempt, tried.wait, world)
            await world.sleep(pause)
            waited += pause
            # An act that was cut off may still have landed while we waited.
            ended = await _known(doing, tried)
        if ended is None:
            taken = await again()
            if isinstance(taken, str):
                ended = tried.final(f"; not tried again: {taken}")
            else:
                leave, waited = taken, waited + taken.turn.waited
        if ended is not None:
            return replace(ended, attempts=attempt, waited=waited)


async def _attempt(doing: Doing, attempt: int, leave: Leave) -> Result | _Failure:
    try:
        tried = await _try(doing, attempt)
    except BaseException:
        leave.release()
        raise
    # Each attempt counts: whoever waits to try again keeps nobody else from learning that the other side is down.
    leave.end(ok=isinstance(tried, Result) or tried.healthy)
    return tried


async def _try(doing: Doing, attempt: int) -> Result | _Failure:
    seconds = doing.tool.spec.timeout
    limit = Within(seconds)
    try:
        return Result("ok", await limit.wait(doing.tool.call(doing.args(attempt), doing.context)))
    except InputRequiredError as error:
        return Result("asks", None, charged=False, asks=error)
    except RejectedError as error:
        return _Failure(str(error), rejected=True, again=error.retryable, wait=error.retry_after)
    except Exception as error:  # noqa: BLE001 - a tool is a stranger's code: whatever it raises is an outcome
        if limit.expired:
            message = f"no answer within {seconds:g} s"
            return _Failure(message, rejected=False, again=True, landing=True)
        message = f"{type(error).__name__}: {error}"
        if isinstance(error, ToolError):
            return _Failure(message, rejected=False, again=True, wait=error.retry_after, landing=error.landing)
        return _Failure(message, rejected=False, again=True, landing=isinstance(error, TimeoutError))


async def _known(doing: Doing, failure: _Failure) -> Result | None:
    """Say how an attempt ended that failed; `None` when trying again cannot do a thing twice."""
    if failure.rejected or doing.tool.spec.effect != "once":
        return None
    probed = await probe(doing)
    if probed is not None and probed.happened:
        return Result("ok", probed.output)
    if probed is None or failure.landing:
        return Result("unknown", failure.message)
    return None


async def probe(doing: Doing) -> Probe | None:
    """Ask the world whether a call happened; `None` when it cannot be told."""
    tool = doing.tool
    if not tool.spec.reconciles:
        return None
    try:
        async with asyncio.timeout(tool.spec.timeout):
            return await tool.probe(doing.args(), doing.context)
    except Exception:  # noqa: BLE001 - a probe that fails has told nothing
        return None


def _pause(attempt: int, wanted: float | None, world: World) -> float:
    """Back off exponentially with full jitter, or as long as the other side asked for (within bounds)."""
    if wanted is not None:
        return min(wanted, _LONGEST_PAUSE)
    return min(_FIRST_PAUSE * 2 ** (attempt - 1), _LONGEST_PAUSE) * world.jitter()


def own(args: JsonObject) -> JsonObject:
    """Copy arguments: a tool may change what it is given, and neither the next attempt nor a conversation must see."""
    for value in args.values():
        if type(value) not in _ATOMS:
            return copy.deepcopy(args)
    return args.copy()
