"""Stdio: an MCP server as a child process. It gets only the environment that is listed, and dies with its group."""

import asyncio
import contextlib
import os
import signal
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import mcp_types as types
from mcp.client._transport import TransportStreams
from mcp.shared.message import SessionMessage

from remit.core.errors import ConfigError

INHERITED = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "USER")
"""Variables that a server gets without being listed; none of them holds a secret."""

LARGEST = 16 << 20
"""Bytes of the longest message that a server may send."""

_PATIENCE = 2.0
"""Seconds a server has to end by itself, and again after SIGTERM."""
_LAST_WORDS = 10
"""Lines of its standard error that are told when it dies."""

Died = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Stdio:
    """A server that is started as a child process and spoken to over its standard input and output."""

    command: str
    args: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    """What it gets beside `INHERITED`; nothing else of our environment reaches it."""
    folder: str | Path | None = None
    """Where it works; the working folder when `None`."""
    largest: int = LARGEST

    @asynccontextmanager
    async def connect(self, died: Died) -> AsyncGenerator[TransportStreams]:
        """Start it and give its streams; call `died` with its last words once it is gone."""
        process = await self._started()
        link = _Link(process, died, self.largest)
        try:
            async with anyio.create_task_group() as tasks:
                # These run until their pipes close, and are stopped with the connection.
                for work in (link.read, link.write, link.listen):
                    tasks.start_soon(work)
                try:
                    yield link.incoming, link.outgoing
                finally:
                    with anyio.CancelScope(shield=True):
                        await link.stop()
                    tasks.cancel_scope.cancel()
        finally:
            link.close()

    async def _started(self) -> asyncio.subprocess.Process:
        inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
        pipe = asyncio.subprocess.PIPE
        try:
            return await asyncio.create_subprocess_exec(
                self.command,
                *self.args,
                stdin=pipe,
                stdout=pipe,
                stderr=pipe,
                env={**inherited, **self.env},
                cwd=self.folder,
                start_new_session=True,
                limit=self.largest,
            )
        except (OSError, ValueError) as error:
            raise ConfigError(f"{self.command!r} cannot be started: {error}") from error


class _Link:
    """The pipes of a process, as the streams that the SDK wants."""

    def __init__(self, process: asyncio.subprocess.Process, died: Died, largest: int) -> None:
        """Begin before anything was read."""
        self._process, self._died, self._largest = process, died, largest
        self._words: deque[str] = deque(maxlen=_LAST_WORDS)
        self._heard = asyncio.Event()
        self._given, self.incoming = anyio.create_memory_object_stream[SessionMessage | Exception](0)
        self.outgoing, self._taken = anyio.create_memory_object_stream[SessionMessage](0)

    async def read(self) -> None:
        """Give on each line as a message; what is no message is given on as an error, which hurts nobody."""
        stdout = self._process.stdout
        assert stdout is not None
        with contextlib.suppress(anyio.ClosedResourceError, anyio.BrokenResourceError):
            async with self._given:
                self._died(await self._relay(stdout))
        # A server that is still writing could not end, nor could we see it end.
        with contextlib.suppress(OSError):
            while await stdout.read(1 << 16):
                pass

    async def _relay(self, stdout: asyncio.StreamReader) -> str:
        """Give on message after message until there are no more; say why."""
        try:
            while line := await stdout.readuntil(b"\n"):
                await self._given.send(_message(line))
        except asyncio.LimitOverrunError:
            return f"it sent more than {self._largest} bytes in one message"
        except (asyncio.IncompleteReadError, OSError):
            pass
        return await self._epitaph("it has closed its standard output")

    async def write(self) -> None:
        """Send what is given."""
        stdin = self._process.stdin
        assert stdin is not None
        try:
            async with self._taken:
                async for item in self._taken:
                    stdin.write(item.message.model_dump_json(by_alias=True, exclude_unset=True).encode() + b"\n")
                    await stdin.drain()
        except OSError:
            # It may still live, deaf: whoever waits for an answer must learn that none will come.
            self._died(await self._epitaph("it has closed its standard input"))
            self._given.close()

    async def listen(self) -> None:
        """Keep the last lines of its standard error, for the message when it dies."""
        stderr = self._process.stderr
        assert stderr is not None
        try:
            while chunk := await stderr.read(1 << 14):
                self._words.extend(line for line in chunk.decode(errors="replace").splitlines() if line.strip())
        finally:
            self._heard.set()

    async def stop(self) -> None:
        """Close its input, then ask, then kill it and all it started."""
        self.outgoing.close()
        if self._process.stdin is not None:
            self._process.stdin.close()
        for number in (None, signal.SIGTERM, signal.SIGKILL):
            if number is not None:
                self._signal(number)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PATIENCE):
                    await self._process.wait()
                    break
        # What it started may have outlived it.
        self._signal(signal.SIGKILL)

    def close(self) -> None:
        """Let go of streams."""
        for stream in (self._given, self.incoming, self.outgoing, self._taken):
            stream.close()

    async def _epitaph(self, alive: str) -> str:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                await self._process.wait()
                await self._heard.wait()
        code = self._process.returncode
        how = alive if code is None else f"it ended with status {code}"
        words = " | ".join(self._words)[-600:]
        return f"{how}: {words}" if words else how

    def _signal(self, number: signal.Signals) -> None:
        # Its group is named by its process id, which nobody else gets while one of the group is alive.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


def _message(line: bytes) -> SessionMessage | Exception:
    try:
        return SessionMessage(types.jsonrpc_message_adapter.validate_json(line, by_name=False))
    except ValueError as error:
        return error
