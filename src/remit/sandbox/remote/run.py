"""One run of a program in a machine of the service's, as its cell tells it."""

import asyncio
import base64
import binascii
import secrets
import signal
from collections.abc import AsyncGenerator, Mapping

import msgspec

from remit.core.programs import Bounds, Bridge, Result, Status
from remit.core.values import JsonObject, JsonValue
from remit.sandbox.conversation import Conversation, Done, Failed
from remit.sandbox.remote import cells
from remit.sandbox.remote.service import Remote, Service

_GRACE = 10.0
"""Seconds after which a machine whose program was to stop and does not say so is given up."""
_SLACK = 1_000_000
"""Characters of a cell's lines beyond what a program may say."""


class Place(msgspec.Struct, frozen=True):
    """Folders of a machine."""

    scratch: str = "/scratch"
    work: str = "/tmp"
    """Where a run has its answers."""


class _End(msgspec.Struct, frozen=True):
    status: int


class Talk:
    """The line of a program: frames come in a cell's lines, answers leave as files."""

    def __init__(self, service: Service, remote: Remote, folder: str) -> None:
        """Write answers below the folder."""
        self._service, self._remote, self._folder = service, remote, folder
        self._reader = asyncio.StreamReader()
        self._answers = 0

    def feed(self, data: bytes) -> None:
        """Take in bytes."""
        self._reader.feed_data(data)

    def finish(self) -> None:
        """Take in the end."""
        self._reader.feed_eof()

    async def read(self, count: int) -> bytes:
        """Read so many bytes, or fewer when there will be no more."""
        try:
            return await self._reader.readexactly(count)
        except asyncio.IncompleteReadError as error:
            return error.partial

    async def write(self, data: bytes) -> None:
        """Hand over an answer; raise `OSError` when the machine is gone."""
        self._answers += 1
        await self._service.put(self._remote, f"{self._folder}/answer-{self._answers}", data)

    async def stop(self) -> None:
        """Have the program ended; raise `OSError` when the machine is gone."""
        await self._service.put(self._remote, f"{self._folder}/stop", b"stop")


class Run:
    """Follows one program to its end."""

    def __init__(
        self, service: Service, remote: Remote, bounds: Bounds, tools: Mapping[str, tuple[str, ...]], bridge: Bridge
    ) -> None:
        """Follow a program in this machine."""
        self._service, self._remote, self._bounds = service, remote, bounds
        self._tools, self._bridge = tools, bridge
        self._word = secrets.token_hex(16)
        self._verdict: tuple[Status, str] | None = None
        self._printed = bytearray()
        self._end: _End | None = None
        self.intact = False
        """Whether the machine can run another program."""

    async def follow(self, code: str, inputs: Mapping[str, JsonValue], place: Place) -> Result:
        """Run the program and say how it ended."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        folder = f"{place.work}/remit-{self._word}"
        talk = Talk(self._service, self._remote, folder)
        said = Conversation(talk, self._bounds, self._tools, self._bridge)
        cell = cells.written(self._order(code, inputs, place, folder))
        listening = asyncio.create_task(self._listen(cell, talk))
        talking = asyncio.create_task(self._talk(said, talk))
        try:
            await asyncio.wait({listening, talking}, return_when=asyncio.FIRST_COMPLETED)
            if not listening.done():
                await asyncio.wait({listening}, timeout=_GRACE)
            said.over = True
            talk.finish()
            if said.calling:
                # The program that asked is gone: nobody waits for the answer.
                talking.cancel()
            await asyncio.wait({talking})
            broken = listening.result() if listening.done() else "the machine did not end the program"
            if not talking.cancelled():
                talking.result()
        except asyncio.CancelledError:
            # The box goes on, so this program must be gone before it does.
            await self._ended(talk, listening)
            raise
        finally:
            for task in (listening, talking):
                task.cancel()
            await asyncio.gather(listening, talking, return_exceptions=True)
        self.intact = not broken
        return self._result(said, broken, loop.time() - began)

    def _order(self, code: str, inputs: Mapping[str, JsonValue], place: Place, folder: str) -> JsonObject:
        bounds = self._bounds
        return {
            "word": self._word,
            "scratch": place.scratch,
            "folder": folder,
            "output": bounds.output,
            "order": {
                "code": code,
                "inputs": dict(inputs),
                "tools": {name: list(parameters) for name, parameters in self._tools.items()},
                "memory": bounds.memory,
                "cpu": bounds.cpu,
                "disk": bounds.disk,
                "recursion": bounds.recursion,
            },
        }

    async def _talk(self, said: Conversation, talk: Talk) -> None:
        await said.follow()
        if said.verdict is not None:
            self._verdict = self._verdict or said.verdict
            try:
                await talk.stop()
            except OSError:
                # Then its cell breaks off too, and the machine is given up.
                return

    async def _ended(self, talk: Talk, listening: "asyncio.Task[str]") -> None:
        """End a program that nobody waits for."""
        try:
            await talk.stop()
        except OSError:
            return
        await asyncio.wait({listening}, timeout=_GRACE)
        self.intact = listening.done() and not listening.result()

    async def _listen(self, cell: str, talk: Talk) -> str:
        """Hear the cell to its end; say what broke, or nothing."""
        try:
            async with self._service.cell(self._remote, cell) as sentences:
                return await self._hear(sentences, talk)
        except OSError as error:
            return str(error)
        finally:
            talk.finish()

    async def _hear(self, sentences: AsyncGenerator[JsonObject], talk: Talk) -> str:
        rest = ""
        # Frames and text in base64, and the calls with their answers' numbers.
        left = (self._bounds.output * 2 + 100_000) * 2 + self._bounds.calls * self._bounds.output + _SLACK
        async for sentence in sentences:
            kind, text = sentence.get("type"), sentence.get("text")
            if kind == "stdout" and isinstance(text, str):
                left -= len(text)
                *lines, rest = (rest + text).split("\n")
                for line in lines:
                    self._line(line, talk)
                if left < 0:
                    return "the machine said more than a program may"
            elif kind == "error":
                return f"the cell failed: {sentence.get('name')}: {sentence.get('value')}"[:500]
            elif kind == "end_of_execution":
                return "" if self._end else "the cell ended without an end of the program"
        return "the stream broke off"

    def _line(self, line: str, talk: Talk) -> None:
        word, _, message = line.partition(" ")
        kind, _, coded = message.partition(" ")
        if word != self._word or self._end is not None:
            return
        try:
            data = base64.b64decode(coded, validate=True)
        except (binascii.Error, ValueError):
            return
        if kind == "F":
            talk.feed(data)
        elif kind == "O":
            room = self._bounds.output - len(self._printed)
            if len(data) > room:
                self._verdict = self._verdict or ("output_limit", f"printed more than {self._bounds.output:,} bytes")
            self._printed += data[:room]
        elif kind == "E":
            self._end = _ended(data)
            talk.finish()

    def _result(self, said: Conversation, broken: str, seconds: float) -> Result:
        status, why = self._judge(said, broken)
        last = said.last
        failed = last if isinstance(last, Failed) and status == "error" else None
        return Result(
            status=status,
            value=last.value if isinstance(last, Done) and status == "ok" else None,
            printed=self._printed.decode("utf-8", "replace"),
            error=failed.error if failed else "",
            line=failed.line if failed else 0,
            why=why,
            calls=said.calls,
            seconds=seconds,
        )

    def _judge(self, said: Conversation, broken: str) -> tuple[Status, str]:
        if self._verdict:
            return self._verdict
        if broken or self._end is None:
            return "killed", broken or "the program's end was not told"
        code = self._end.status
        if code in (-signal.SIGXCPU, -signal.SIGKILL):
            return "timeout", f"more than {self._bounds.cpu:g} s of processor, or ended from outside"
        if code != 0:
            return "killed", f"the process ended with {code} and without a result"
        return said.believed()


def _ended(data: bytes) -> _End | None:
    try:
        return msgspec.json.decode(data, type=_End)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
