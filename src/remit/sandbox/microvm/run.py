"""One run of a program in a machine of its own, seen from outside: what it says, prints, leaves, and how it ended."""

import asyncio
import signal
from collections.abc import Mapping

import msgspec

from remit.core.errors import ConfigError
from remit.core.programs import Bounds, Bridge, Result, Status
from remit.sandbox.conversation import Conversation, Done, Failed
from remit.sandbox.microvm.files import below_scratch
from remit.sandbox.microvm.machine import Machine

_START = 60.0
"""Seconds in which a machine goes on from its snapshot and has its files, on a busy host."""
_GRACE = 10.0
"""Seconds in which a machine whose program has ended says so."""
_FILES = 60.0
"""Seconds in which it gives back its files."""
_LARGEST = 4_000_000
"""Bytes of a frame, which lists files at most."""
_SLACK = 15.0
"""Seconds of processor beyond the program's, for the emulator to begin and to end."""


class Started(msgspec.Struct, frozen=True, tag_field="op", tag="started"):
    """The program is about to begin."""


class Refused(msgspec.Struct, frozen=True, tag_field="op", tag="failed"):
    """The machine could not take the order."""

    why: str


class Ended(msgspec.Struct, frozen=True, tag_field="op", tag="ended"):
    """The process of the program has ended."""

    status: int
    cpu: float
    files: tuple[tuple[str, int], ...]


_said: msgspec.json.Decoder[Started | Refused | Ended] = msgspec.json.Decoder(Started | Refused | Ended)


class Run:
    """Follows the program of a machine to its end, and ends the machine."""

    def __init__(self, machine: Machine, bounds: Bounds, tools: Mapping[str, tuple[str, ...]], bridge: Bridge) -> None:
        """Follow the program that the machine is about to be given."""
        self._machine, self._bounds, self._tools, self._bridge = machine, bounds, tools, bridge
        self._verdict: tuple[Status, str] | None = None
        self.files: dict[str, bytes] | None = None
        """What the program left below `/scratch`; none when it was ended, for then its machine was too."""

    async def follow(self, order: bytes) -> Result:
        """Give the order and say how the program ended; the machine is gone then."""
        began = asyncio.get_running_loop().time()
        giving = asyncio.create_task(self._give(order))
        try:
            why = await self._begun()
            if why:
                return Result(status="killed", why=why, seconds=asyncio.get_running_loop().time() - began)
            self._machine.bound(self._bounds.cpu + self._bounds.wall + _SLACK)
            return await self._talked(began)
        finally:
            giving.cancel()
            await self._machine.close()
            await asyncio.gather(giving, return_exceptions=True)

    async def _give(self, order: bytes) -> None:
        try:
            await self._machine.control.write(order)
        except OSError:
            # Whoever reads from it learns that it has ended.
            return

    async def _begun(self) -> str:
        try:
            async with asyncio.timeout(_START):
                said = await self._heard()
        except TimeoutError:
            return f"the machine did not start within {_START:g} s: {self._machine.complaint()}"
        if isinstance(said, Started):
            return ""
        if isinstance(said, Refused):
            return f"the machine could not begin: {said.why[:500]}"
        return f"the machine ended before the program began: {self._machine.complaint()}"

    async def _heard(self) -> Started | Refused | Ended | None:
        body = await self._machine.control.frame(_LARGEST)
        try:
            return _said.decode(body) if body else None
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    async def _talked(self, began: float) -> Result:
        said = Conversation(self._machine.talk, self._bounds, self._tools, self._bridge)
        capture = asyncio.create_task(self._capture())
        ended = asyncio.create_task(self._ended())
        talking = asyncio.create_task(self._talk(said))
        tasks = (capture, ended, talking)
        try:
            await asyncio.wait({talking, ended}, return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                await asyncio.wait({ended}, timeout=_GRACE)
            if not ended.done():
                self._stop("killed", "the machine did not say how the program ended")
            said.over = True
            if said.calling:
                # The program that asked is gone: nobody waits for the answer.
                talking.cancel()
            await asyncio.wait(tasks)
            end, printed = ended.result(), capture.result()
            if not talking.cancelled():
                talking.result()
            if end is not None and self._verdict is None:
                await self._fetch(end)
        finally:
            self._machine.end()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return self._result(said, end, printed, asyncio.get_running_loop().time() - began)

    def _stop(self, status: Status, why: str) -> None:
        """End the machine for this reason, unless there is one already."""
        self._verdict = self._verdict or (status, why)
        self._machine.end()

    async def _talk(self, said: Conversation) -> None:
        await said.follow()
        if said.verdict is not None:
            self._stop(*said.verdict)

    async def _capture(self) -> bytes:
        data = await self._machine.output.read(self._bounds.output + 1)
        if len(data) > self._bounds.output:
            self._stop("output_limit", f"printed more than {self._bounds.output:,} bytes")
        return data[: self._bounds.output]

    async def _ended(self) -> Ended | None:
        said = await self._heard()
        # The process wrote all that it wrote before it ended: whoever reads comes to an end.
        self._machine.talk.finish()
        self._machine.output.finish()
        return said if isinstance(said, Ended) else None

    async def _fetch(self, end: Ended) -> None:
        """Take the files that the program left; a listing that no honest machine gives ends it."""
        sizes = [size for _path, size in end.files]
        honest = len(sizes) <= self._bounds.files and all(size >= 0 for size in sizes)
        try:
            paths = [below_scratch(path) for path, _size in end.files]
        except ConfigError:
            honest, paths = False, []
        if not honest or sum(sizes) > self._bounds.disk:
            self._stop("killed", "the machine listed files that it cannot have")
            return
        try:
            async with asyncio.timeout(_FILES):
                contents = [await self._machine.control.read(size) for size in sizes]
        except TimeoutError:
            contents = []
        if [len(content) for content in contents] != sizes:
            self._stop("killed", "the machine did not give its files")
            return
        self.files = dict(zip(paths, contents, strict=True))

    def _result(self, said: Conversation, end: Ended | None, data: bytes, seconds: float) -> Result:
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
            seconds=seconds,
        )

    def _judge(self, said: Conversation, end: Ended | None) -> tuple[Status, str]:
        """Believe the machine before the program."""
        if self._verdict:
            return self._verdict
        if end is None:
            return "killed", f"the machine ended: {self._machine.complaint()}"
        spent = end.cpu >= self._bounds.cpu
        if end.status == -signal.SIGXCPU or (end.status == -signal.SIGKILL and spent):
            return "timeout", f"more than {self._bounds.cpu:g} s of processor"
        if end.status < 0:
            return "killed", f"ended by signal {-end.status}"
        if end.status != 0:
            return "killed", "the process ended without a result"
        return said.believed()
