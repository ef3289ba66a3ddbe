"""Program: drives one program from stop to stop, makes the calls of tools it asks for, and says how it ended.

The same program with the same answers does the same: its calls begin in the order in which it makes them, it goes on
only when all of them have ended, its clock moves by its own sleeps alone, and chance has a fixed seed.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Literal

from pydantic_monty import (
    ExternalSettledResult,
    FunctionSnapshot,
    FutureSnapshot,
    MontyComplete,
    MontyError,
    MontySession,
    MountDir,
    NameLookupSnapshot,
    SyncSnapshot,
    __version__,
)

from remit.core.errors import ConfigError
from remit.core.programs import Bounds, Bridge, Result
from remit.core.values import JsonValue
from remit.sandbox.monty.calls import Calls
from remit.sandbox.monty.clock import Clock
from remit.sandbox.monty.endings import Ending, OverError, completed, failed
from remit.sandbox.monty.kept import Answer, Kept, Waiting, sealed
from remit.sandbox.monty.sources import awaits
from remit.sandbox.monty.turns import Turns
from remit.sandbox.monty.values import UnfitError

Suspended = FunctionSnapshot | FutureSnapshot | NameLookupSnapshot
Turn = Callable[[], SyncSnapshot]

_NO_CLOCK = "there is no clock here, so that a program does the same when it runs again: ask a tool, or take an input"
_MOVING = frozenset(
    f"time.{name}{unit}" for name in ("monotonic", "perf_counter") for unit in ("", "_ns")
)  # fmt: skip


class Program:
    """One program, driven once: from its beginning, or from where it was kept."""

    def __init__(
        self, code: str, *, tools: Mapping[str, tuple[str, ...]], bridge: Bridge, bounds: Bounds, key: bytes = b""
    ) -> None:
        """Keep what it may use, and with which key it is sealed when it is kept."""
        self._code, self._tools, self._bounds, self._key = code, tools, bounds, key
        self._source = code.encode(errors="replace")
        self._printed: list[str] = []
        self._room = bounds.output
        self._calls = Calls(tools, bridge, bounds)
        self._clock = Clock(bounds.wall)
        self._again = ""
        """A call that is counted, and is made and counted again when it goes on."""
        self._start = time.monotonic()

    async def run(self, turns: Turns, inputs: dict[str, JsonValue], mounts: list[MountDir]) -> Result:
        """Drive it from its beginning to its end, or until it waits."""

        def start(session: MontySession) -> SyncSnapshot:
            return session.feed_start(self._code, inputs=inputs, print_callback=self._print, mount=mounts)

        try:
            return await self._ended(turns, turns.first(start))
        finally:
            await turns.end()

    async def resume(self, turns: Turns, kept: Kept, mounts: list[MountDir]) -> Result:
        """Go on from where it was kept; raise `ConfigError` when the interpreter cannot read it."""
        strange = sorted({kept.again, *(call.tool for call in kept.waiting)} - {"", *self._tools})
        if strange:
            raise ConfigError(f"the kept program waits for tools that it is not given: {', '.join(strange)}")
        self._printed, self._room, self._calls.count = [kept.printed], kept.room, kept.calls
        self._clock = Clock(self._bounds.wall, kept.now, dict(kept.asleep))

        def load(session: MontySession) -> SyncSnapshot:
            return session.load_snapshot(kept.snapshot, print_callback=self._print, mount=mounts)

        async def loaded() -> SyncSnapshot:
            try:
                stop = await turns.first(load)
            except MontyError as error:
                raise ConfigError(f"the interpreter cannot read the kept program: {error}") from error
            for call in kept.waiting:
                self._calls.begin(call)
            # They are asked in the order of before, so ahead of the one at which it waits alone.
            await asyncio.sleep(0)
            return stop

        try:
            return await self._ended(turns, loaded())
        finally:
            await turns.end()

    async def _ended(self, turns: Turns, first: Awaitable[SyncSnapshot]) -> Result:
        try:
            ending = await self._driven(turns, first)
            if ending.status not in {"ok", "error", "paused"}:
                turns.kill()
            # What a program has asked for happens, also when it does not wait for it.
            await self._calls.end()
        finally:
            await self._calls.cancel()
        if self._calls.interrupted is not None and ending.status in {"ok", "error"}:
            ending = Ending(status="killed", why=f"interrupted, after it ended: {self._calls.interrupted}")
        return Result(
            status=ending.status,
            value=ending.value,
            printed="".join(self._printed),
            error=ending.error,
            line=ending.line,
            why=ending.why,
            calls=self._calls.count,
            seconds=time.monotonic() - self._start,
            kept=ending.kept,
        )

    async def _driven(self, turns: Turns, first: Awaitable[SyncSnapshot]) -> Ending:
        try:
            stop = await first
            while not isinstance(stop, MontyComplete):
                turn = await self._next(stop)
                if turn is None:
                    return await self._kept(turns, stop)
                stop = await turns.turn(turn)
        except OverError as error:
            return Ending(status=error.status, why=error.why)
        except MontyError as error:
            return failed(error) if self._room >= 0 else self._too_much()
        return await completed(stop.output, self._bounds) if self._room >= 0 else self._too_much()

    async def _kept(self, turns: Turns, stop: Suspended) -> Ending:
        waiting = await self._calls.kept()
        kept = Kept(
            library=__version__,
            snapshot=await turns.turn(stop.dump),
            code=self._code,
            printed="".join(self._printed),
            room=self._room,
            calls=self._calls.count - bool(self._again),
            now=self._clock.now,
            waiting=waiting,
            asleep=self._clock.asleep,
            again=self._again,
        )
        why = self._calls.interrupted or "interrupted"
        try:
            data = sealed(kept, self._key)
        except UnicodeEncodeError as error:
            return Ending(status="killed", why=f"{why}; and it cannot be kept: a tool's answer is no text ({error})")
        if len(data) > self._bounds.kept:
            most = self._bounds.kept
            why = f"{why}; and it cannot be kept: it has {len(data):,} bytes, where {most:,} are allowed"
            return Ending(status="killed", why=why)
        return Ending(status="paused", why=why, kept=data)

    def _too_much(self) -> Ending:
        return Ending(status="output_limit", why=f"it prints more than {self._bounds.output} bytes")

    def _print(self, _stream: Literal["stdout", "stderr"], text: str) -> None:
        room = self._room
        self._room -= len(text.encode(errors="replace"))
        if room > 0:
            self._printed.append(
                text if self._room >= 0 else text.encode(errors="replace")[:room].decode(errors="ignore")
            )
        if self._room < 0:
            raise MemoryError("too much output")

    async def _next(self, stop: Suspended) -> Turn | None:
        """Find what to go on with; nothing when a call was interrupted and the program has to wait.

        Until then it goes on, so that all calls of a `gather` are asked at the same time, whatever comes of the first.
        """
        if isinstance(stop, FutureSnapshot):
            return await self._settled(stop)
        if isinstance(stop, NameLookupSnapshot):
            known = stop.variable_name in self._tools and stop.object_id is None
            return partial(stop.resume, value=_named(stop.variable_name)) if known else stop.resume
        return await (self._served(stop) if stop.is_os_function else self._called(stop))

    async def _settled(self, stop: FutureSnapshot) -> Turn | None:
        answers = await self._calls.settled(stop.pending_call_ids)
        if answers is None:
            return None
        if answers:
            return partial(stop.resume, {number: _result(answer) for number, answer in answers.items()})
        woken = await self._clock.woken(stop.pending_call_ids)
        return partial(stop.resume, {number: _result(Answer()) for number in woken})

    async def _served(self, stop: FunctionSnapshot) -> Turn:
        if stop.function_name in {"time.sleep", "asyncio.sleep"}:
            seconds = float(stop.args[0])
            if stop.function_name == "time.sleep":
                await self._clock.sleep(seconds)
                return partial(stop.resume, {"return_value": None})
            self._clock.begin(stop.call_id, seconds)
            return partial(stop.resume, {"future": ...})
        if stop.function_name == "time.time" and stop.args[:1] and stop.args[0] in _MOVING:
            return partial(stop.resume, {"return_value": self._clock.now})
        if stop.function_name in {"time.time", "date.today", "datetime.now"}:
            return partial(stop.resume, {"exc_type": "RuntimeError", "message": _NO_CLOCK})
        # Files are looked for in what is mounted; everything else is refused.
        return stop.resume_auto

    async def _called(self, stop: FunctionSnapshot) -> Turn | None:
        name = str(stop.function_name)
        if name not in self._tools or stop.object_id is not None:
            return partial(stop.resume, {"exc_type": "NameError", "message": f"name {name!r} is not defined"})
        self._calls.counted()
        try:
            args = await self._calls.arguments(name, stop.args, stop.kwargs)
        except (TypeError, UnfitError, RecursionError) as error:
            return partial(stop.resume, {"exc_type": "TypeError", "message": str(error)})
        place = stop.position
        here = place.filename.startswith("<python-input")
        if here and (stop.allow_eager_await or awaits(self._source, place.start)):
            self._calls.begin(Waiting(stop.call_id, name, args))
            return partial(stop.resume, {"future": ...})
        answer = await self._calls.ask(name, args) if self._calls.interrupted is None else None
        if answer is None:
            self._again = name
            return None
        return partial(stop.resume, _result(answer))


def _result(answer: Answer) -> ExternalSettledResult:
    if answer.error is not None:
        return {"exc_type": "RuntimeError", "message": answer.error}
    return {"return_value": answer.value}


def _named(name: str) -> object:
    def tool() -> None:
        """Stand for the tool; only its name crosses over."""

    tool.__name__ = name
    return tool
