"""One run of a program, seen from outside: what it says, prints, how it ended, and which to believe."""

import asyncio
import contextlib
import signal
from collections.abc import Mapping

from remit.core.programs import Bounds, Bridge, Result, Status
from remit.core.values import JsonObject, JsonValue
from remit.sandbox.conversation import Conversation, Done, Failed
from remit.sandbox.inside.framing import pack
from remit.sandbox.native.control import Control, Worker
from remit.sandbox.native.link import Link

_GRACE = 10.0
"""Seconds after which a box whose worker was ended and does not say so is given up."""


class Run:
    """Follows one program of a box to its end."""

    def __init__(self, control: Control, worker: Worker, bounds: Bounds) -> None:
        """Follow the program that is given to this worker."""
        self._control, self._worker, self._bounds = control, worker, bounds
        self._verdict: tuple[Status, str] | None = None
        self._over = self._stopped = False
        self._started = 0.0
        self.intact = True
        """Whether the box can run another program."""

    async def begin(self, code: str, inputs: Mapping[str, JsonValue], tools: Mapping[str, tuple[str, ...]]) -> None:
        """Hand over the program; what goes wrong with that shows in how it ends."""
        self._started = asyncio.get_running_loop().time()
        order = pack(self._order(code, inputs, tools))
        try:
            async with asyncio.timeout(self._bounds.wall):
                await self._worker.bridge.write(order)
        except TimeoutError:
            self._verdict = self._verdict or ("timeout", "the program did not begin")
        except OSError:
            self._verdict = self._verdict or ("killed", "the process was gone before the program began")
        except asyncio.CancelledError:
            # Half an order is a worker that waits for ever.
            await self._cancelled(asyncio.create_task(self._control.ended(self._worker.number)))
            raise

    async def finish(self, tools: Mapping[str, tuple[str, ...]], bridge: Bridge) -> Result:
        """Follow the program to its end and say how it was."""
        self.intact = False
        capture = asyncio.create_task(self._capture(self._worker.output))
        ended = asyncio.create_task(self._control.ended(self._worker.number))
        said = Conversation(self._worker.bridge, self._bounds, tools, bridge)
        talking = asyncio.create_task(self._talk(said))
        try:
            end = await self._settle(said, talking, ended)
            data = await capture
        except asyncio.CancelledError:
            await self._cancelled(ended)
            raise
        finally:
            for task in (capture, ended, talking):
                task.cancel()
            await asyncio.gather(capture, ended, talking, return_exceptions=True)
        return self._result(said, end, data)

    async def _cancelled(self, ended: asyncio.Task[JsonObject | None]) -> None:
        # The box goes on, so this program must be gone before it does.
        self.intact = False
        await self.stop("killed", "the run was cancelled")
        await asyncio.wait({ended}, timeout=_GRACE)
        self._believe_box(ended)
        ended.cancel()

    def _order(
        self, code: str, inputs: Mapping[str, JsonValue], tools: Mapping[str, tuple[str, ...]]
    ) -> dict[str, object]:
        bounds = self._bounds
        return {
            "code": code,
            "inputs": dict(inputs),
            "tools": {name: list(parameters) for name, parameters in tools.items()},
            "memory": bounds.memory,
            "cpu": bounds.cpu,
            "disk": bounds.disk,
            "processes": bounds.processes,
            "recursion": bounds.recursion,
        }

    async def stop(self, status: Status, why: str) -> None:
        """End the program for this reason, unless there is one already."""
        self._verdict = self._verdict or (status, why)
        if not self._stopped and not self._over:
            self._stopped = True
            with contextlib.suppress(OSError):
                await self._control.kill(self._worker.number)

    async def _settle(
        self, said: Conversation, talking: asyncio.Task[None], ended: asyncio.Task[JsonObject | None]
    ) -> JsonObject | None:
        await asyncio.wait({talking, ended}, return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            # Talking has its own clock; what follows it is only the end of the process.
            await asyncio.wait({ended}, timeout=max(said.left, 0.0) + 0.05)
        if not ended.done():
            await self.stop("timeout", f"more than {self._bounds.wall:g} s")
            await asyncio.wait({ended}, timeout=_GRACE)
        self._over = said.over = True
        if said.calling:
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

    async def _talk(self, said: Conversation) -> None:
        if self._verdict:
            await self.stop(*self._verdict)
            return
        await said.follow()
        if said.verdict is not None:
            await self.stop(*said.verdict)

    async def _capture(self, link: Link) -> bytes:
        data = await link.read(self._bounds.output + 1)
        if len(data) > self._bounds.output:
            await self.stop("output_limit", f"printed more than {self._bounds.output:,} bytes")
        return data[: self._bounds.output]

    def _result(self, said: Conversation, end: JsonObject | None, data: bytes) -> Result:
        status, why = self._judge(said, end)
        last = said.last
        failed = last if isinstance(last, Failed) and status == "error" else None
        return Result(
            status=status,
            value=last.value if isinstance(last, Done) and status == "ok" else None,
            printed=data.decode("utf-8", "replace"),
            error=failed.error if failed else "",
            line=failed.line if failed else 0,
            why=why,
            calls=said.calls,
            seconds=asyncio.get_running_loop().time() - self._started,
        )

    def _judge(self, said: Conversation, end: JsonObject | None) -> tuple[Status, str]:
        """Believe the keeper before the program."""
        if self._verdict:
            return self._verdict
        if end is None or end.get("op") != "ended":
            return "killed", "the box was killed"
        return self._ended(end) or said.believed()

    def _ended(self, end: JsonObject) -> tuple[Status, str] | None:
        """Say what ended the process, unless it came to its end."""
        code, cpu = end["status"], end["cpu"]
        if end["oom"]:
            return "oom", f"more than {self._bounds.memory:,} bytes"
        spent = isinstance(cpu, float) and cpu >= self._bounds.cpu
        if code == -signal.SIGXCPU or (code == -signal.SIGKILL and spent):
            return "timeout", f"more than {self._bounds.cpu:g} s of processor"
        if isinstance(code, int) and code < 0:
            return "killed", f"ended by {_named(-code)}"
        return ("killed", "the process ended without a result") if code != 0 else None


def _named(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        # Of those that came later, only the first and the last have names.
        return f"signal {number}"
