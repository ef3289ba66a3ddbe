"""Unheld: the driver that holds nothing, so that the suites can be seen to fail. Never give it a stranger's code.

It makes every mistake that a driver can make: the program has all rights, environment and descriptors of this process,
and is believed whatever it says.
"""

import asyncio
import json
import pickle
import socket
import struct
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from remit.core.errors import ConfigError
from remit.core.values import JsonObject, JsonValue
from remit.sandbox import Box, Bridge, Capabilities, Result, SandboxPolicy, Tier
from remit.sandbox.inside import program
from remit.sandbox.inside.framing import HEADER, pack

_PATIENCE = 20.0
"""Seconds after which a program is ended whatever the bounds say, so that nothing of a test stays."""

_RUN = """
import sys, types
for name, path in zip(("remit", "remit.sandbox"), sys.argv[2:4]):
    module = types.ModuleType(name)
    module.__path__ = [path]
    sys.modules[name] = module
from remit.sandbox.inside import framing, program
program.plain = lambda value, depth=0: value
descriptor = int(sys.argv[1])
program.run(descriptor, framing.receive(descriptor))
"""


class Unheld:
    """Runs programs with `python -c` and all the rights of this process."""

    def capabilities(self) -> Capabilities:
        """Say that nothing is held."""
        return Capabilities(tier="none", available=True, missing=("it holds nothing",))

    async def open(self, policy: SandboxPolicy) -> Box:
        """Make a box; raise `ConfigError` unless the policy says `none` in so many words."""
        if policy.least != "none":
            raise ConfigError(f"the policy wants {policy.least!r} at least, and this holds nothing")
        return _Process()

    async def close(self) -> None:
        """Have nothing to let go of."""


class _Process:
    def __init__(self) -> None:
        self.tier: Tier = "none"
        self._scratch = tempfile.TemporaryDirectory()
        self._processes: list[asyncio.subprocess.Process] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._writers: list[asyncio.StreamWriter] = []

    async def run(
        self, code: str, *, inputs: Mapping[str, JsonValue], tools: Mapping[str, tuple[str, ...]], bridge: Bridge
    ) -> Result:
        start = time.monotonic()
        ours, theirs = socket.socketpair()
        theirs.set_inheritable(True)
        inside = Path(program.__file__).parent
        with theirs, tempfile.TemporaryFile() as printed:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", _RUN, str(theirs.fileno()), str(inside.parent.parent), str(inside.parent),
                stdin=asyncio.subprocess.DEVNULL, stdout=printed, stderr=printed,
                cwd=self._scratch.name, close_fds=False,
            )  # fmt: skip
            self._processes.append(process)
            theirs.close()
            reader, writer = await asyncio.open_connection(sock=ours)
            self._writers.append(writer)
            order = {"code": code, "inputs": dict(inputs), "tools": {name: list(tools[name]) for name in tools}}
            writer.write(pack({**order, "recursion": 900}))
            said = _Believing(reader, writer, bridge)
            listening = asyncio.create_task(said.listen())
            self._tasks.append(listening)
            await asyncio.wait({listening, said.told}, timeout=_PATIENCE, return_when=asyncio.FIRST_COMPLETED)
            if listening.done():
                listening.result()
            last = said.told.result() if said.told.done() else {"kind": "error", "error": "it says nothing"}
            printed.seek(0)
            text = printed.read().decode(errors="replace")
        seconds = time.monotonic() - start
        if last["kind"] == "done":
            return Result(status="ok", value=last["value"], printed=text, calls=said.calls, seconds=seconds)
        error, line = str(last["error"]), last.get("line")
        return Result(
            status="error", error=error, line=line if isinstance(line, int) else 0,
            printed=text, calls=said.calls, seconds=seconds,
        )  # fmt: skip

    async def resume(self, kept: bytes, *, tools: Mapping[str, tuple[str, ...]], bridge: Bridge) -> Result:
        raise ConfigError("it keeps no programs")

    async def files(self) -> Mapping[str, int]:
        return _sizes(Path(self._scratch.name))

    async def put(self, path: str, data: bytes) -> None:
        _write(Path(self._scratch.name, path), data)

    async def get(self, path: str) -> bytes:
        return _read(Path(self._scratch.name, path))

    async def close(self) -> None:
        """End what still runs."""
        for process in self._processes:
            if process.returncode is None:
                process.kill()
            await process.wait()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for writer in self._writers:
            writer.close()
        self._scratch.cleanup()


def _sizes(folder: Path) -> dict[str, int]:
    return {str(path.relative_to(folder)): path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def _write(place: Path, data: bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)


def _read(place: Path) -> bytes:
    try:
        return place.read_bytes()
    except OSError as error:
        raise ConfigError(f"{str(place)!r}: {error.strerror}") from error


class _Believing:
    """Does and believes whatever comes, as it comes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, bridge: Bridge) -> None:
        self._reader, self._writer, self._bridge = reader, writer, bridge
        self._calls = set[asyncio.Task[None]]()
        self.told: asyncio.Future[JsonObject] = asyncio.get_running_loop().create_future()
        self.calls = 0

    async def listen(self) -> None:
        try:
            while header := await self._reader.read(HEADER):
                body = await self._reader.readexactly(struct.unpack(">I", header)[0])
                self._heard(json.loads(body) if body.startswith(b"{") else pickle.loads(body))
        except ConnectionError:
            return
        finally:
            for task in self._calls:
                task.cancel()
            await asyncio.gather(*self._calls, return_exceptions=True)

    def _heard(self, said: object) -> None:
        none: JsonObject = {"kind": "done", "value": None}
        frame = cast("JsonObject", said) if isinstance(said, dict) else none
        match frame["kind"]:
            case "call":
                self._calls.add(asyncio.create_task(self._call(frame)))
            case "answer":
                self.calls += 1
            case _ if not self.told.done():
                self.told.set_result(frame)
            case _:
                return

    async def _call(self, frame: JsonObject) -> None:
        self.calls += 1
        try:
            answer = {"value": await self._bridge(str(frame["tool"]), cast("JsonObject", frame["arguments"]))}
        except Exception as error:  # noqa: BLE001 - whatever a tool raises, the program sees
            answer = {"error": str(error)}
        self._writer.write(pack({"id": frame["id"], **answer}))
