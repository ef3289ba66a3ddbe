"""Program: drives one program from stop to stop, makes the calls of tools it asks for, and says how it ended."""

import asyncio
import contextlib
import os
import re
import signal
import time
from collections.abc import Mapping
from typing import Any, Literal

from pydantic_monty import (
    AsyncFunctionSnapshot,
    AsyncFutureSnapshot,
    AsyncMontySession,
    AsyncNameLookupSnapshot,
    AsyncSnapshot,
    ExternalSettledResult,
    MontyComplete,
    MontyConversionError,
    MontyCrashedError,
    MontyError,
    MontyRuntimeError,
    MontySyntaxError,
)

from remit.core.programs import Bounds, Bridge, Result, Status
from remit.core.values import JsonObject, JsonValue
from remit.sandbox.monty.values import Plain, TooLargeError, UnfitError

_NAME_BEFORE = re.compile(rb"(?<![A-Za-z0-9_])(await|gather|create_task|wait_for)\s*\Z")
_WAITING = frozenset({b"gather", b"create_task", b"wait_for"})
"""Functions that want what a call will give, and not what it gave."""
_LOOK_BACK = 2000
_FRAMES = 10


class _OverError(Exception):
    """The program ran into a bound that is kept here."""

    def __init__(self, status: Status, why: str) -> None:
        super().__init__(why)
        self.status: Status = status
        self.why = why


class Program:
    """One program, run once."""

    def __init__(self, code: str, *, tools: Mapping[str, tuple[str, ...]], bridge: Bridge, bounds: Bounds) -> None:
        """Keep what it may use."""
        self._code, self._tools, self._bridge, self._bounds = code, tools, bridge, bounds
        self._source = code.encode(errors="replace")
        self._printed: list[str] = []
        self._room = bounds.output
        self._calls = 0
        self._pending: dict[int, asyncio.Task[ExternalSettledResult]] = {}
        self._pid: int | None = None
        self._start = time.monotonic()

    def began(self, pid: int | None, at: float) -> None:
        """Note which worker has it, and since when (monotonic seconds)."""
        self._pid, self._start = pid, at

    async def run(self, session: AsyncMontySession, inputs: dict[str, JsonValue]) -> Result:
        """Drive it to its end in a fresh session."""
        whole = False
        try:
            stop = await session.feed_start(self._code, inputs=inputs, print_callback=self._print)
            while not isinstance(stop, MontyComplete):
                stop = await self._next(stop)
            result = self._done(stop)
            whole = True
        except _OverError as error:
            return self.ended(error.status, why=error.why)
        except MontyError as error:
            whole = not isinstance(error, MontyCrashedError)
            return self.failed(error)
        else:
            return result
        finally:
            for task in self._pending.values():
                task.cancel()
            await asyncio.gather(*self._pending.values(), return_exceptions=True)
            if not whole:
                self._kill()

    def failed(self, error: MontyError) -> Result:
        """Say how a program ended that did not come to its end."""
        if self._room < 0:
            return self.ended("output_limit", why=f"it prints more than {self._bounds.output} bytes")
        if isinstance(error, MontyCrashedError):
            return self.ended("timeout" if error.timed_out else "killed", why=f"its worker ended: {error}")
        if isinstance(error, MontyRuntimeError | MontySyntaxError):
            return self._raised(error)
        kind = "an input is no JSON" if isinstance(error, MontyConversionError) else "the interpreter gave up"
        return self.ended("error", error=f"{kind}: {error}")

    def ended(
        self, status: Status, *, value: JsonValue = None, error: str = "", line: int = 0, why: str = ""
    ) -> Result:
        """Make the result."""
        return Result(
            status=status,
            value=value,
            printed="".join(self._printed),
            error=error,
            line=line,
            why=why,
            calls=self._calls,
            seconds=time.monotonic() - self._start,
        )

    def _raised(self, error: MontyRuntimeError | MontySyntaxError) -> Result:
        frames, text = error.traceback(), str(error)
        # A program can raise the same words, but not without a line of its own.
        if not frames and "time limit exceeded" in text:
            return self.ended("timeout", why=text)
        if text.startswith("TimeoutError: sleep limit exceeded"):
            return self.ended("timeout", why=text)
        if text.startswith("MemoryError: memory limit exceeded"):
            return self.ended("oom", why=text)
        line = frames[-1].line if frames else 0
        shown = frames if len(frames) <= _FRAMES else [*frames[:3], *frames[-_FRAMES:]]
        where = "".join(
            f"  line {frame.line}{f', in {frame.function_name}' if frame.function_name else ''}: "
            f"{(frame.source_line or '').strip()[:200]}\n"
            for frame in shown
        )
        kind = "SyntaxError: " if isinstance(error, MontySyntaxError) else ""
        return self.ended("error", error=f"{where}{kind}{text[:2000]}", line=line)

    def _done(self, stop: MontyComplete) -> Result:
        try:
            return self.ended("ok", value=Plain(self._bounds.output).made(stop.output))
        except TooLargeError:
            return self.ended("output_limit", why=f"its value has more than {self._bounds.output} bytes")
        except (UnfitError, RecursionError) as error:
            return self.ended("error", error=f"the value of the program cannot be given: {error}")

    def _print(self, _stream: Literal["stdout", "stderr"], text: str) -> None:
        room = self._room
        self._room -= len(text.encode(errors="replace"))
        if room > 0:
            self._printed.append(
                text if self._room >= 0 else text.encode(errors="replace")[:room].decode(errors="ignore")
            )
        if self._room < 0:
            raise MemoryError("too much output")

    async def _next(self, stop: AsyncSnapshot) -> AsyncSnapshot:
        if isinstance(stop, AsyncFutureSnapshot):
            return await stop.resume(await self._settled(stop.pending_call_ids))
        if isinstance(stop, AsyncNameLookupSnapshot):
            known = stop.variable_name in self._tools and stop.object_id is None
            return await (stop.resume(value=_named(stop.variable_name)) if known else stop.resume())
        assert isinstance(stop, AsyncFunctionSnapshot)
        if stop.is_os_function:
            # With no mounts and no handler: sleeping waits within its limit, everything else is refused.
            return await stop.resume_auto()
        return await self._called(stop)

    async def _called(self, stop: AsyncFunctionSnapshot) -> AsyncSnapshot:
        name = str(stop.function_name)
        if name not in self._tools or stop.object_id is not None:
            return await stop.resume({"exc_type": "NameError", "message": f"name {name!r} is not defined"})
        self._calls += 1
        if self._calls > self._bounds.calls:
            self._calls -= 1
            raise _OverError("killed", f"it makes more than {self._bounds.calls} calls of tools")
        try:
            args = self._arguments(name, stop.args, stop.kwargs)
        except (TypeError, UnfitError, RecursionError) as error:
            return await stop.resume({"exc_type": "TypeError", "message": str(error)})
        place = stop.position
        before = self._source[max(0, place.start - _LOOK_BACK) : place.start]
        if place.filename.startswith("<python-input") and (stop.allow_eager_await or awaited(before)):
            self._pending[stop.call_id] = asyncio.create_task(self._answered(name, args))
            return await stop.resume({"future": ...})
        return await stop.resume(await self._answered(name, args))

    def _arguments(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> JsonObject:
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
        plain = Plain(self._bounds.output)
        return {key: plain.made(value) for key, value in given.items()}

    async def _answered(self, name: str, args: JsonObject) -> ExternalSettledResult:
        try:
            answer = Plain(self._bounds.memory).made(await self._bridge(name, args))
        except Exception as error:  # noqa: BLE001 - whatever a tool raises, the program may deal with
            return {"exc_type": "RuntimeError", "message": str(error)}
        return {"return_value": answer}

    async def _settled(self, ids: list[int]) -> dict[int, ExternalSettledResult]:
        waited = {number: self._pending[number] for number in ids}
        await asyncio.wait(waited.values(), return_when=asyncio.FIRST_COMPLETED)
        ready = [number for number, task in waited.items() if task.done()]
        return {number: self._pending.pop(number).result() for number in ready}

    def _kill(self) -> None:
        # A cancelled turn goes on in its worker, and the session cannot be left before it ends.
        if self._pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)


def awaited(before: bytes) -> bool:
    """Say whether the answer of a call is awaited, by what stands before it; linear, since programs are hostile."""
    found = _NAME_BEFORE.search(before.rstrip(b" \t\r\n("))
    if found is not None and found[1] == b"await":
        return True
    closed = 0
    for place in range(len(before) - 1, -1, -1):
        mark = before[place : place + 1]
        if mark == b")":
            closed += 1
        elif mark == b"(" and closed:
            closed -= 1
        elif mark == b"(":
            found = _NAME_BEFORE.search(before[max(0, place - 40) : place])
            if found is not None and found[1] in _WAITING:
                return True
    return False


def _named(name: str) -> object:
    def tool() -> None:
        """Stand for the tool; only its name crosses over."""

    tool.__name__ = name
    return tool
