"""Calling: one call of a tool, timed, paced and counted, and how it ended."""

import asyncio
import copy
import time
from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec

from remit.core.errors import InputRequiredError, RejectedError
from remit.core.ports import Clock, Tool, ToolContext
from remit.core.values import JsonObject, JsonValue
from remit.tools.checking.words import of_arguments

End = Literal["ok", "refused", "arguments", "broke", "slow"]

Sleep = Callable[[float], Awaitable[None]]


class Ended(msgspec.Struct, frozen=True):
    """How a call ended."""

    end: End
    seconds: float
    output: JsonValue = None
    text: str = ""


class Pace:
    """Lets calls begin evenly, so many in a second."""

    def __init__(
        self, per_second: float | None, *, sleep: Sleep = asyncio.sleep, clock: Clock = time.monotonic
    ) -> None:
        """Take the rate; `None` for none."""
        self._gap = 1 / per_second if per_second else 0.0
        self._sleep, self._clock = sleep, clock
        self._free = 0.0

    async def turn(self) -> None:
        """Wait for the next call's turn."""
        if self._gap:
            wait = self._free - self._clock()
            if wait > 0:
                await self._sleep(wait)
            self._free = max(self._free, self._clock()) + self._gap


def legible(text: str) -> str:
    """Write what no report can hold, half a character, as an escape."""
    return text.encode("utf-8", "backslashreplace").decode()


async def called(tool: Tool, args: JsonObject, context: ToolContext, limit: float) -> Ended:
    """Make a call; whatever it raises is how it ended."""
    began = time.perf_counter()

    def ended(end: End, output: JsonValue = None, text: str = "") -> Ended:
        return Ended(end, time.perf_counter() - began, output, legible(text))

    patience = asyncio.timeout(limit)
    try:
        async with patience:
            output = await tool.call(copy.deepcopy(args), context)
        return ended("ok", output)
    except RejectedError as error:
        text = str(error)
        return ended("arguments" if error.arguments or of_arguments(text) else "refused", text=text)
    except InputRequiredError as error:
        return ended("refused", text=f"it asks a person: {error}")
    except Exception as error:  # noqa: BLE001 - whatever a tool raises is what we are here to find
        late = patience.expired() or time.perf_counter() - began >= limit
        text = f"no answer within {limit:g} s" if late else _told(error)
        return ended("slow" if late else "broke", text=text)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
