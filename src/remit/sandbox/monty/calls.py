"""Calls: the calls of tools that a program has made and whose answers it does not have yet."""

import asyncio
import time
from collections.abc import Iterable, Mapping
from typing import Any, cast

import msgspec

from remit.core.programs import Bounds, Bridge, Interrupt
from remit.core.values import JsonObject
from remit.sandbox.monty.endings import OverError
from remit.sandbox.monty.kept import Answer, Waiting
from remit.sandbox.monty.values import Plain, made


class Calls:
    """Makes calls in the order in which the program makes them, and counts them."""

    def __init__(self, tools: Mapping[str, tuple[str, ...]], bridge: Bridge, bounds: Bounds) -> None:
        """Have made none."""
        self._tools, self._bridge, self._bounds = tools, bridge, bounds
        self._waiting: dict[int, Waiting] = {}
        self._tasks: dict[int, asyncio.Task[Answer | None]] = {}
        self._taken = 0.0
        self.count = 0
        self.interrupted: str | None = None
        """What the first interrupt said; then no further call may begin."""

    def counted(self) -> None:
        """Count one more; raise `OverError` when that is too many."""
        if self.count >= self._bounds.calls:
            raise OverError("killed", f"it makes more than {self._bounds.calls} calls of tools")
        self.count += 1

    async def arguments(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> JsonObject:
        """Give arguments by name, as JSON; raise `TypeError` or `UnfitError` for what does not fit the tool.

        Raise `OverError` when those of all calls together take longer than the program may.
        """
        names = self._tools[name]
        if len(args) > len(names):
            raise TypeError(f"{name}() takes {len(names)} arguments ({', '.join(names)}), and {len(args)} were given")
        given: dict[str, Any] = dict(zip(names, args, strict=False))
        for key, value in kwargs.items():
            if key in given:
                raise TypeError(f"{name}() got the argument {key!r} twice")
            if key not in names:
                raise TypeError(f"{name}() has no argument {key!r}; it has: {', '.join(names)}")
            given[key] = value
        start = time.monotonic()
        try:
            return cast("JsonObject", await made(given, self._bounds.output))
        finally:
            self._taken += time.monotonic() - start
            if self._taken > self._bounds.wall:
                raise OverError("timeout", f"what it gives to tools takes more than {self._bounds.wall:g} s to read")

    async def ask(self, name: str, args: JsonObject) -> Answer | None:
        """Make a call and wait for its end; nothing when it was interrupted."""
        try:
            return Answer(Plain(self._bounds.memory).made(await self._bridge(name, args)))
        except Interrupt as interrupt:
            if self.interrupted is None:
                self.interrupted = str(interrupt)
            return None
        except Exception as error:  # noqa: BLE001 - whatever a tool raises, the program may deal with
            return Answer(error=str(error) or type(error).__name__)

    def begin(self, call: Waiting) -> None:
        """Make a call at the same time as others, unless it has its answer already."""
        self._waiting[call.id] = call
        if call.answer is None:
            self._tasks[call.id] = asyncio.create_task(self.ask(call.tool, call.arguments))

    async def settled(self, ids: Iterable[int]) -> dict[int, Answer] | None:
        """Wait until all of these that were begun have ended, and hand them over; nothing when one was interrupted."""
        wanted = sorted(set(ids) & self._waiting.keys())
        await self.end()
        if self.interrupted is not None:
            return None
        return {number: answer for number in wanted if (answer := self._waiting.pop(number).answer) is not None}

    async def kept(self) -> tuple[Waiting, ...]:
        """Wait until all have ended, and give those that the program does not know of, in order."""
        await self.end()
        return tuple(self._waiting[number] for number in sorted(self._waiting))

    async def cancel(self) -> None:
        """Cancel those under way."""
        if self._tasks:
            tasks = list(self._tasks.values())
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def end(self) -> None:
        """Wait until all under way have ended."""
        while self._tasks:
            number = next(iter(self._tasks))
            answer = await self._tasks[number]
            del self._tasks[number]
            self._waiting[number] = msgspec.structs.replace(self._waiting[number], answer=answer)
