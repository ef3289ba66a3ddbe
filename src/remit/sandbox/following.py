"""Following one program behind a keeper: what it says, prints, how its process ended, and which of them to believe."""

import asyncio
import contextlib
import signal

from remit.core.programs import Bounds, Result, Status
from remit.core.values import JsonObject
from remit.sandbox.conversation import Conversation, Done, Failed
from remit.sandbox.inside.standalone import READY
from remit.sandbox.relay import Program

_GRACE = 10.0
"""Seconds after which a box whose program was ended and does not say so is given up."""
_START = 30.0
"""Seconds in which an interpreter starts and imports its packages."""


class Following:
    """Follows one program to its end."""

    def __init__(self, program: Program, bounds: Bounds, said: Conversation) -> None:
        """Follow the program; `said` is the conversation with it."""
        self._program, self._bounds, self._said = program, bounds, said
        self._verdict: tuple[Status, str] | None = None
        self._began = False

    async def follow(self) -> Result:
        """Say how it ended."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        watching = asyncio.create_task(self._watch())
        talking = asyncio.create_task(self._talk())
        try:
            await self._settle(talking)
        except asyncio.CancelledError:
            # The box goes on, so this program must be gone before it does.
            await self._stop("killed", "the run was cancelled")
            await asyncio.wait({self._program.ended}, timeout=_GRACE)
            raise
        finally:
            for task in (watching, talking):
                task.cancel()
            await asyncio.gather(watching, talking, return_exceptions=True)
        return self._result(loop.time() - started)

    async def _stop(self, status: Status, why: str) -> None:
        """End the program for this reason, unless there is one already."""
        if self._verdict is None:
            self._verdict = (status, why)
            with contextlib.suppress(OSError):
                await self._program.kill()

    async def _watch(self) -> None:
        await self._program.too_much.wait()
        await self._stop("output_limit", f"printed more than {self._bounds.output:,} bytes")

    async def _talk(self) -> None:
        try:
            async with asyncio.timeout(_START):
                self._began = await self._program.read(1) == READY
        except TimeoutError:
            await self._stop("timeout", f"it did not begin within {_START:g} s")
        if self._began:
            await self._said.follow()
        if self._said.verdict is not None:
            await self._stop(*self._said.verdict)

    async def _settle(self, talking: asyncio.Task[None]) -> None:
        ended = self._program.ended
        await asyncio.wait({talking, ended}, return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            # Talking has its own clock; what follows it is only the end of the process.
            await asyncio.wait({ended}, timeout=max(self._said.left, 0.0) + 0.05)
        if not ended.done():
            await self._stop("timeout", f"more than {self._bounds.wall:g} s")
            await asyncio.wait({ended}, timeout=_GRACE)
        self._said.over = True
        if self._said.calling:
            # The program that asked is gone: nobody waits for the answer.
            talking.cancel()
        await asyncio.wait({talking})
        if not talking.cancelled():
            talking.result()

    def _result(self, seconds: float) -> Result:
        end = self._program.ended.result() if self._program.ended.done() else None
        printed = bytes(self._program.printed).decode("utf-8", "replace")
        status, why = self._judge(end, printed)
        last = self._said.last
        failed = last if isinstance(last, Failed) and status == "error" else None
        return Result(
            status=status,
            value=last.value if isinstance(last, Done) and status == "ok" else None,
            printed=printed,
            error=failed.error if failed else "",
            line=failed.line if failed else 0,
            why=why,
            calls=self._said.calls,
            seconds=seconds,
        )

    def _judge(self, end: JsonObject | None, printed: str) -> tuple[Status, str]:
        """Believe the keeper before the program."""
        if self._verdict:
            return self._verdict
        if end is None:
            return "killed", "the box was killed"
        if not self._began:
            return "killed", printed.strip()[-500:] or "the program could not begin"
        return self._ending(end) or self._said.believed()

    def _ending(self, end: JsonObject) -> tuple[Status, str] | None:
        """Say how a process ended that did not end well."""
        code, cpu, bounds = end.get("status"), end.get("cpu"), self._bounds
        # Where the keeper cannot see the processor's time, so much of the program's own time must have passed.
        spent = (isinstance(cpu, int | float) and cpu >= bounds.cpu) or bounds.wall - self._said.left >= bounds.cpu
        if code == -signal.SIGXCPU or (code == -signal.SIGKILL and spent):
            return "timeout", f"more than {bounds.cpu:g} s of processor"
        if isinstance(code, int) and -signal.NSIG < code < 0:
            return "killed", f"ended by signal {-code}"
        return None if code == 0 else ("killed", "the process ended without a result")
