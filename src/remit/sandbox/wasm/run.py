"""One run of a program, seen from the loop: when it must end, how it ended, and what of it to believe."""

import asyncio
import contextlib
from collections.abc import Mapping
from concurrent.futures import Executor

import msgspec

from remit.core.programs import Bounds, Bridge, Result, Status
from remit.core.values import JsonObject, JsonValue
from remit.sandbox.conversation import Conversation, Done, Failed
from remit.sandbox.wasm.files import Files
from remit.sandbox.wasm.slots import Slot
from remit.sandbox.wasm.wire import Wire


class Run:
    """Follows one program to its end."""

    def __init__(self, slot: Slot, bounds: Bounds, tools: Mapping[str, tuple[str, ...]], bridge: Bridge) -> None:
        """Follow the program that this slot is about to run."""
        self._slot, self._bounds, self._tools = slot, bounds, tools
        self._wire = Wire(bounds)
        self._said = Conversation(self._wire, bounds, tools, bridge)

    async def follow(self, code: str, inputs: Mapping[str, JsonValue], files: Files, threads: Executor) -> Result:
        """Run the program in one of these threads and say how it ended."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        order = msgspec.json.encode(self._order(code, inputs)).decode()
        ended = loop.run_in_executor(threads, self._slot.run, self._wire, self._bounds, files, order)
        talking = asyncio.create_task(self._talk())
        watching = asyncio.create_task(self._watch())
        try:
            await asyncio.wait({ended})
        finally:
            # When this was cancelled too: the thread must be free before anybody else gets its slot.
            if not ended.done():
                self.end("killed", "the run was cancelled")
                await _through(ended)
            self._wire.close()
            self._said.over = True
            if self._said.calling:
                talking.cancel()
            watching.cancel()
            await asyncio.gather(talking, watching, return_exceptions=True)
        if not talking.cancelled():
            talking.result()
        return self._result(ended.result(), loop.time() - started)

    def end(self, status: Status, why: str) -> None:
        """End the program for this reason, unless there is one already."""
        self._wire.end(status, why)
        self._slot.stop(self._wire)

    def _order(self, code: str, inputs: Mapping[str, JsonValue]) -> JsonObject:
        return {
            "code": code,
            "inputs": dict(inputs),
            "tools": {name: list(parameters) for name, parameters in self._tools.items()},
            "recursion": self._bounds.recursion,
        }

    async def _talk(self) -> None:
        try:
            await self._said.follow()
        except BaseException:
            self.end("killed", "its tools broke")
            raise
        if self._said.verdict is not None:
            self.end(*self._said.verdict)

    async def _watch(self) -> None:
        """End the program when it has used up its processor, which takes at least as long as it may use it."""
        left = self._bounds.cpu
        while left > 0:
            await asyncio.sleep(max(left, 0.01))
            left = self._bounds.cpu - self._slot.spent(self._wire)
        self.end("timeout", f"more than {self._bounds.cpu:g} s of processor")

    def _result(self, trap: str, seconds: float) -> Result:
        status, why = self._judge(trap)
        last = self._said.last
        failed = last if isinstance(last, Failed) and status == "error" else None
        return Result(
            status=status,
            value=last.value if isinstance(last, Done) and status == "ok" else None,
            printed=self._wire.printed.decode("utf-8", "replace"),
            error=failed.error if failed else "",
            line=failed.line if failed else 0,
            why=why,
            calls=self._said.calls,
            seconds=seconds,
        )

    def _judge(self, trap: str) -> tuple[Status, str]:
        verdict = self._wire.verdict or self._said.verdict
        if verdict is not None:
            return verdict
        return ("killed", f"the interpreter was ended: {trap}") if trap else self._said.believed()


async def _through(ended: asyncio.Future[str]) -> None:
    """Wait for the end of a thread, whoever cancels this."""
    while not ended.done():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.wait({ended})
