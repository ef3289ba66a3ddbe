"""Canaries: what a breach would reach, and how it is known that it was reached."""

import asyncio
import contextlib
import hashlib
import os
import secrets
import socket
import sys
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import cast

from remit.core.values import JsonObject, JsonValue

_PATIENCE = 10.0
"""Seconds after which a canary that says nothing is taken for dead."""

_PORTS = range(20_000, 32_000)
"""Below those that systems give to whoever asks for any."""

_PROCESS = """
import os, signal, sys
signal.signal(signal.SIGURG, lambda *_: os._exit(0))
while True:
    os.write(1, b'.')
    if not os.read(int(sys.argv[1]), 1):
        break
"""
"""Ends by any signal that reaches it, also by one that others ignore; answers whoever asks whether it lives."""


class Canaries:
    """What a program is told of, and must not reach."""

    def __init__(self, folder: Path, token: str) -> None:
        """Keep the secret, which nobody may say, and the folder, into which nobody may write."""
        self.folder, self.token, self.hits = folder, token, 0
        self.inputs: JsonObject = {"secret": str(folder / "secret"), "outside": str(folder), "accounts": _accounts()}
        self.dead = False
        self.last: list[Callable[[], Awaitable[None]]] = []
        """What is done to have heard of everything that was done before."""

    def touched(self) -> bool:
        """Whether something was reached."""
        return self.hits > 0 or self.dead or (self.folder / "written").exists()

    async def settle(self, seconds: float) -> None:
        """Watch for so long, then hear of everything that has been done until then."""
        end = asyncio.get_running_loop().time() + seconds
        # A file wakes nobody up.
        while not self.touched() and asyncio.get_running_loop().time() < end:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        for hear in self.last:
            try:
                await asyncio.wait_for(hear(), _PATIENCE)
            except TimeoutError:
                self.dead = True


class _Heard(asyncio.DatagramProtocol):
    """Counts datagrams, but not our own, which comes after those that were sent before."""

    def __init__(self, canaries: Canaries) -> None:
        self._canaries = canaries
        self.ours = asyncio.Event()

    def datagram_received(self, data: bytes, addr: object) -> None:
        if data == self._canaries.token.encode():
            self.ours.set()
        else:
            self._canaries.hits += 1


class _Reached(asyncio.Protocol):
    """Counts connections, and tells each that it was."""

    def __init__(self, canaries: Canaries) -> None:
        self._canaries = canaries

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._canaries.hits += 1
        end = cast("asyncio.WriteTransport", transport)
        end.write(b".")
        end.close()


@asynccontextmanager
async def hatched() -> AsyncGenerator[Canaries]:
    """Make canaries of every kind, and leave nothing of them."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        canaries = Canaries(folder, secrets.token_hex(16))
        secret = folder / "secret"
        secret.write_text(canaries.token)
        _allow(folder, secret)
        os.environ["REMIT_CANARY"] = canaries.token
        stack.callback(os.environ.pop, "REMIT_CANARY", None)
        for name, path in (("fd", secret), ("folder", folder)):
            descriptor = os.open(path, os.O_RDONLY)
            stack.callback(os.close, descriptor)
            os.set_inheritable(descriptor, True)  # noqa: FBT003 - the parameter has no name
            canaries.inputs[name] = descriptor
        await _listen(canaries, stack)
        await _start(canaries, stack)
        yield canaries


def _allow(*paths: Path) -> None:
    # Anybody may: what keeps a program out must be its box, whatever user it is there.
    for path in paths:
        path.chmod(0o777)


async def _listen(canaries: Canaries, stack: AsyncExitStack) -> None:
    loop = asyncio.get_running_loop()
    path, name = str(canaries.folder / "socket"), f"remit-{canaries.token[:8]}"
    tcp = await loop.create_server(lambda: _Reached(canaries), sock=_bound(socket.SOCK_STREAM))
    await _counted(canaries, tcp, stack)
    await _counted(canaries, await loop.create_unix_server(lambda: _Reached(canaries), path), stack)
    _allow(Path(path))
    if sys.platform == "linux":
        await _counted(canaries, await loop.create_unix_server(lambda: _Reached(canaries), f"\0{name}"), stack)
    udp, heard = await loop.create_datagram_endpoint(lambda: _Heard(canaries), sock=_bound(socket.SOCK_DGRAM))
    stack.callback(udp.close)
    to = udp.get_extra_info("sockname")

    async def hear() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
            ours.sendto(canaries.token.encode(), to)
        await heard.ours.wait()

    canaries.last.append(hear)
    canaries.inputs |= {"tcp": tcp.sockets[0].getsockname()[1], "udp": to[1], "unix": path, "abstract": name}


def _bound(kind: socket.SocketKind) -> socket.socket:
    """Take a port of loopback that nobody had before.

    One that the system chooses may have been another's a moment ago, and whoever still looks for that one would be
    taken for a breach.
    """
    for port in secrets.SystemRandom().sample(_PORTS, len(_PORTS)):
        taken = socket.socket(socket.AF_INET, kind)
        try:
            taken.bind(("127.0.0.1", port))
        except OSError:
            taken.close()
        else:
            return taken
    raise OSError("no port of loopback is free")


async def _counted(canaries: Canaries, server: asyncio.Server, stack: AsyncExitStack) -> None:
    """Close a server in the end; those who connect are counted in turn, so that with us all are who came before."""
    stack.push_async_callback(server.wait_closed)
    stack.callback(server.close)
    family, address = server.sockets[0].family, server.sockets[0].getsockname()

    async def hear() -> None:
        with socket.socket(family) as ours:
            ours.setblocking(False)  # noqa: FBT003 - the parameter has no name
            loop = asyncio.get_running_loop()
            await loop.sock_connect(ours, address)
            await loop.sock_recv(ours, 1)
        canaries.hits -= 1

    canaries.last.append(hear)


async def _start(canaries: Canaries, stack: AsyncExitStack) -> None:
    """Start a process that has the secret in its environment, and as its standard input."""
    asked, ask = os.pipe()
    stack.callback(os.close, ask)
    try:
        with (canaries.folder / "secret").open("rb") as secret:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", "-c", _PROCESS, str(asked)),
                stdin=secret, stdout=asyncio.subprocess.PIPE, pass_fds=(asked,),
            )  # fmt: skip
    finally:
        os.close(asked)
    stack.push_async_callback(_end, process)
    answers = process.stdout
    assert answers is not None
    await answers.readexactly(1)

    async def hear() -> None:
        with contextlib.suppress(BrokenPipeError):
            os.write(ask, b"?")
        canaries.dead = canaries.dead or not await answers.read(1)

    canaries.last.append(hear)
    canaries.inputs["pid"] = process.pid
    canaries.inputs["address"], canaries.inputs["size"] = _environment(process.pid)


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
    await process.communicate()


def _environment(pid: int) -> tuple[int, int]:
    """Find where in its memory a process has its environment, and how many bytes of it; see proc(5)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0, 0
    start, end = int(fields[47]), int(fields[48])
    return start, end - start


def _accounts() -> list[JsonValue]:
    """Digest the files of the host's accounts that can be read, to tell them from those of an image."""
    found: list[JsonValue] = []
    for path in (Path("/etc/shadow"), Path("/etc/passwd")):
        try:
            found.append(hashlib.sha256(path.read_bytes()).hexdigest())
        except OSError:
            continue
    return found
