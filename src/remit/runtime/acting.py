"""Acting: call a tool until it is known how the call ended, as far as its effect class allows. Never twice, never guessed."""

import asyncio
from dataclasses import dataclass
from typing import Literal

from remit.core.errors import RejectedError
from remit.core.messages import Call
from remit.core.ports import Probe, Tool, ToolContext
from remit.core.values import JsonValue
from remit.runtime.world import World

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 10.0


@dataclass(frozen=True, slots=True)
class Result:
    """How an act ended: `ok` and `failed` are certain, `unknown` means that nobody can tell."""

    status: Literal["ok", "failed", "unknown"]
    output: JsonValue
    attempts: int = 1
    healthy: bool = True
    """Whether the other side is there: it may say no and be healthy."""
    charged: bool = True
    """Whether it may have cost what the tool costs."""


async def act(tool: Tool, call: Call, context: ToolContext, world: World) -> Result:
    """Call a tool, retrying with backoff and jitter where nothing can happen twice by it."""
    spec = tool.spec
    attempt = 0
    while True:
        attempt += 1
        try:
            async with asyncio.timeout(spec.timeout):
                output = await tool.call(call.args, context)
        except RejectedError as error:
            again, message, wait, rejected = error.retryable, _said(error), error.retry_after, True
        except Exception as error:  # noqa: BLE001 - a tool is a stranger's code: whatever it raises is an outcome
            message, wait, rejected = _said(error, spec.timeout), None, False
            again = spec.effect != "once"
            if not again:
                probed = await probe(tool, call, context)
                if probed is None:
                    return Result("unknown", message, attempt, healthy=False)
                if probed.happened:
                    return Result("ok", probed.output, attempt)
                again = True
        else:
            return Result("ok", output, attempt)
        if not again or attempt > spec.retries:
            return Result("failed", message, attempt, healthy=rejected and not again, charged=not rejected)
        await world.sleep(_pause(attempt, wait, world))
        # An act that was cut off may still have landed while we waited.
        if spec.effect == "once" and not rejected:
            probed = await probe(tool, call, context)
            if probed is None:
                return Result("unknown", message, attempt, healthy=False)
            if probed.happened:
                return Result("ok", probed.output, attempt)


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


def _said(error: Exception, timeout: float = 0.0) -> str:
    if isinstance(error, TimeoutError) and not str(error):
        return f"no answer within {timeout:g} s"
    return str(error) if isinstance(error, RejectedError) else f"{type(error).__name__}: {error}"
