"""One run of a program, seen from outside: what it says, prints, how it ended, and which to believe."""

import asyncio
import contextlib
import signal
import socket
from collections.abc import Coroutine, Mapping
from typing import Any, TypeVar

import msgspec

from remit.core.values import JsonObject, JsonValue
from remit.sandbox.native.link import Call, Done, Exhausted, Failed, ForgedError, Link, Said, TooLargeError
from remit.sandbox.port import Bounds, Bridge, Result, Status

_SLACK = 4096
"""Bytes of a frame beside the value in it."""
_GRACE = 10.0
"""Seconds after which a box whose worker was ended and does not say so is given up."""


T = TypeVar("T")


class Run:
    """Follows one program of a box to its end."""

    def __init__(self, control: Link, bounds: Bounds, tools: Mapping[str, tuple[str, ...]], bridge: Bridge) -> None:
        """Follow the program that `control` is about to start."""
        self._control, self._bounds, self._tools, self._bridge = control, bounds, tools, bridge
        self._verdict: tuple[Status, str] | None = None
        self._said: Said | None = None
        self._size = self._calls = 0
        self._left = bounds.wall
        self._calling = self._over = self._stopped = False
        self.intact = False
        """Whether the box can run another program."""

    async def follow(self, code: str, inputs: Mapping[str, JsonValue]) -> Result:
        """Start the program and say how it ended."""
        started = asyncio.get_running_loop().time()
        talk, theirs = socket.socketpair()
        output, their_output = socket.socketpair()
        heard, printed = Link(talk), Link(output)
        with theirs, their_output:
            try:
                order = self._order(code, inputs)
                await self._control.send(order, descriptors=(theirs.fileno(), their_output.fileno()))
            except OSError:
                heard.close()
                printed.close()
                return Result(status="killed", why="the box had been killed")
        capture = asyncio.create_task(self._capture(printed))
        ended = asyncio.create_task(self._control.receive())
        talking = asyncio.create_task(self._talk(heard))
        try:
            end = await self._settle(talking, ended)
            data = await capture
        except asyncio.CancelledError:
            # The box goes on, so this program must be gone before it does.
            await self._stop("killed", "the run was cancelled")
            await asyncio.wait({ended}, timeout=_GRACE)
            self._believe_box(ended)
            raise
        finally:
            for task in (capture, ended, talking):
                task.cancel()
            await asyncio.gather(capture, ended, talking, return_exceptions=True)
            heard.close()
            printed.close()
        return self._result(end, data, asyncio.get_running_loop().time() - started)

    def _order(self, code: str, inputs: Mapping[str, JsonValue]) -> JsonObject:
        bounds = self._bounds
        return {
            "op": "run",
            "code": code,
            "inputs": dict(inputs),
            "tools": {name: list(parameters) for name, parameters in self._tools.items()},
            "memory": bounds.memory,
            "cpu": bounds.cpu,
            "disk": bounds.disk,
            "processes": bounds.processes,
            "recursion": bounds.recursion,
        }

    async def _stop(self, status: Status, why: str) -> None:
        """End the program for this reason, unless there is one already."""
        self._verdict = self._verdict or (status, why)
        if not self._stopped and not self._over:
            self._stopped = True
            with contextlib.suppress(OSError):
                await self._control.send({"op": "kill"})

    async def _settle(self, talking: asyncio.Task[None], ended: asyncio.Task[JsonObject | None]) -> JsonObject | None:
        await asyncio.wait({talking, ended}, return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            # Talking has its own clock; what follows it is only the end of the process.
            await asyncio.wait({ended}, timeout=max(self._left, 0.0) + 0.05)
        if not ended.done():
            await self._stop("timeout", f"more than {self._bounds.wall:g} s")
            await asyncio.wait({ended}, timeout=_GRACE)
        self._over = True
        if self._calling:
            # The program that asked is gone: nobody waits for the answer.
            talking.cancel()
        await asyncio.wait({talking})
        if not talking.cancelled():
            talking.result()
        return self._believe_box(ended)

    def _believe_box(self, ended: asyncio.Task[JsonObject | None]) -> JsonObject | None:
        end = ended.result() if ended.done() else None
        self.intact = end is not None and end.get("op") == "ended"
        return end

    async def _talk(self, link: Link) -> None:
        try:
            while not self._said:
                said = await self._hear(link)
                if said is None:
                    return
                if not isinstance(said, Call):
                    self._said = said
                else:
                    await self._answer(link, said)
            if await self._timed(link.read(1)):
                await self._stop("killed", "the program sent a frame after the last")
        except TimeoutError:
            await self._stop("timeout", f"more than {self._bounds.wall:g} s")
        except TooLargeError as error:
            await self._stop("output_limit", f"{error}, where {self._bounds.output:,} are allowed")
        except ForgedError as error:
            await self._stop("killed", f"the program sent {error}")
        except OSError:
            await self._stop("killed", "the program stopped listening")

    async def _timed(self, wait: Coroutine[Any, Any, T]) -> T:
        """Wait on the program's time."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        try:
            async with asyncio.timeout(max(self._left, 0.0)):
                return await wait
        finally:
            self._left -= loop.time() - began

    async def _hear(self, link: Link) -> Said | None:
        heard = await self._timed(link.hear(self._bounds.output + _SLACK))
        if heard is None:
            return None
        self._size = heard[1]
        return heard[0]

    async def _answer(self, link: Link, call: Call) -> None:
        self._check(call)
        if self._over or self._stopped:
            return
        self._calls += 1
        self._calling = True
        try:
            answer: JsonObject = {"id": call.id, "value": await self._bridge(call.tool, call.arguments)}
            body = msgspec.json.encode(answer)
        except Exception as error:  # noqa: BLE001  (whatever a tool raises, the program sees)
            body = msgspec.json.encode({"id": call.id, "error": str(error) or type(error).__name__})
        finally:
            self._calling = False
        await self._timed(link.answer(body))

    def _check(self, call: Call) -> None:
        if call.id != self._calls + 1:
            raise ForgedError(f"a call numbered {call.id} where {self._calls + 1} was next")
        if call.tool not in self._tools or not set(call.arguments) <= set(self._tools[call.tool]):
            raise ForgedError("a call of no tool that it has")
        if call.id > self._bounds.calls:
            raise ForgedError(f"more than {self._bounds.calls} calls")

    async def _capture(self, link: Link) -> bytes:
        data = await link.read(self._bounds.output + 1)
        if len(data) > self._bounds.output:
            await self._stop("output_limit", f"printed more than {self._bounds.output:,} bytes")
        return data[: self._bounds.output]

    def _result(self, end: JsonObject | None, data: bytes, seconds: float) -> Result:
        status, why = self._judge(end)
        said = self._said
        failed = said if isinstance(said, Failed | Exhausted) and status in ("error", "oom") else None
        return Result(
            status=status,
            value=said.value if isinstance(said, Done) and status == "ok" else None,
            printed=data.decode("utf-8", "replace"),
            error=failed.error if failed and status == "error" else "",
            line=failed.line if failed else 0,
            why=why,
            calls=self._calls,
            seconds=seconds,
        )

    def _judge(self, end: JsonObject | None) -> tuple[Status, str]:
        """Believe the keeper before the program."""
        if self._verdict:
            return self._verdict
        if end is None or end.get("op") != "ended":
            return "killed", "the box was killed"
        code, cpu = end["status"], end["cpu"]
        spent = isinstance(cpu, float) and cpu >= self._bounds.cpu
        if code == -signal.SIGXCPU or (code == -signal.SIGKILL and spent):
            return "timeout", f"more than {self._bounds.cpu:g} s of processor"
        if isinstance(code, int) and code < 0:
            return "killed", f"ended by {signal.Signals(-code).name}"
        if code != 0 or self._said is None:
            return "killed", "the process ended without a result"
        return self._believe(self._said)

    def _believe(self, said: Said) -> tuple[Status, str]:
        if isinstance(said, Exhausted):
            return "oom", f"more than {self._bounds.memory:,} bytes"
        if isinstance(said, Failed):
            return "error", ""
        if self._size > self._bounds.output + 32:
            return "output_limit", f"a value of more than {self._bounds.output:,} bytes"
        return "ok", ""
