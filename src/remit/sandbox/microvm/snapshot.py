"""Snapshots: a machine is booted once, copied when it is ready, and every program gets a copy of that copy.

The memory of a copy is a private view of a sealed file in memory: not even an emulator that was taken over can change
what the next machine begins with. (Kata Containers' templates share memory in the same way.)
"""

import asyncio
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import socket
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import msgspec

from remit.core.errors import ConfigError
from remit.core.values import JsonObject
from remit.sandbox.microvm import cache, contents, ticks
from remit.sandbox.microvm.image import Image
from remit.sandbox.microvm.machine import Accelerator, Machine, Plan

_PATIENCE: Mapping[Accelerator, tuple[float, ...]] = {"kvm": (15.0,), "tcg": (15.0, 30.0, 60.0)}
"""Seconds in which a machine boots, one try after the other.

On a busy host the kernel may fail to measure one of its clocks, and then waits for ever.
"""
NOT_BOOTED = "the machine did not boot"
_PAGE = 4096
_BLOCK = 1 << 20
_BOOT_LINE = (
    "quiet panic=-1 random.trust_cpu=on mitigations=off init_on_alloc=0 apparmor=0 audit=0 ipv6.disable=1 "
    f"rdinit={contents.PYTHON} -- -I -S -B /remit/sandbox/microvm/inside/start.py"
)


class _Ready(msgspec.Struct, frozen=True):
    op: str
    packages: tuple[str, ...]


def order(command: str, arguments: JsonObject | None = None) -> bytes:
    """Write an order to the emulator's monitor (QMP)."""
    return msgspec.json.encode({"execute": command, "arguments": arguments or {}})


_WITHOUT_MEMORY = (
    order("qmp_capabilities"),
    order("migrate-set-capabilities", {"capabilities": [{"capability": "x-ignore-shared", "state": True}]}),
)
"""The state of a machine is written and read alone: its memory is a file."""


class Snapshot:
    """A machine as it was when it was ready; machines are made of it."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        """Load it into memory and seal it; raise `OSError` when it cannot be read."""
        self.plan = plan
        self.packages = msgspec.json.decode((folder / "about.json").read_bytes(), type=_Ready).packages
        self._state = str(folder / "state")
        self._memory = os.memfd_create("remit-machine", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        try:
            os.ftruncate(self._memory, plan.megabytes << 20)
            with (folder / "memory").open("rb") as file:
                _copy(file.fileno(), self._memory)
            seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
            fcntl.fcntl(self._memory, fcntl.F_ADD_SEALS, seals)
        except BaseException:
            os.close(self._memory)
            raise

    def machine(self) -> Machine:
        """Make a machine that goes on from here; raise `OSError` when it cannot be started."""
        # Each reads it from its beginning, so each opens it anew.
        state = os.open(self._state, os.O_RDONLY | os.O_CLOEXEC)
        try:
            command = [*self.plan.command(self._memory, shared=False), "-incoming", "defer"]
            machine = Machine(self.plan, command, self._memory, (state,))
            # Few enough bytes for a socket's buffer; nobody waits for the answers.
            machine.monitor.send(b"".join((*_WITHOUT_MEMORY, order("migrate-incoming", {"uri": f"fd:{state}"}))))
            return machine
        finally:
            os.close(state)

    def close(self) -> None:
        """Let go of its memory; machines that were made of it go on."""
        os.close(self._memory)


def _copy(source: int, target: int) -> None:
    """Copy a file with its holes."""
    place, size = 0, os.fstat(source).st_size
    while place < size:
        try:
            start = os.lseek(source, place, os.SEEK_DATA)
        except OSError:
            return
        end = os.lseek(source, start, os.SEEK_HOLE)
        while start < end:
            start += os.pwrite(target, os.pread(source, min(end - start, _BLOCK), start), start)
        place = end


def _copy_used(source: int, target: int) -> None:
    """Copy the pages that hold anything."""
    nothing = bytes(_PAGE)
    size = os.fstat(source).st_size
    os.ftruncate(target, size)
    for place in range(0, size, _BLOCK):
        block = os.pread(source, _BLOCK, place)
        if block.count(0) == len(block):
            continue
        for inner in range(0, len(block), _PAGE):
            page = block[inner : inner + _PAGE]
            if page != nothing:
                os.pwrite(target, page, place + inner)


async def take(plan: Plan, image: Image) -> Snapshot:
    """Give the snapshot of a booted machine, made if need be; raise `ConfigError` when it does not boot."""
    about = f"{plan} {image.digest} {_BOOT_LINE} {_processor()}"
    place = cache.folder() / f"machine-{hashlib.sha256(about.encode()).hexdigest()[:32]}"
    if not place.exists():
        # The lock waits, so it is taken in a thread; whoever waited finds the snapshot made.
        await asyncio.to_thread(_made, plan, image, place)
    cache.used(place)
    return await asyncio.to_thread(Snapshot, plan, place)


def _made(plan: Plan, image: Image, place: Path) -> None:
    with cache.locked(place.parent):
        if not place.exists():
            cache.sweep(place.parent)
            folder = tempfile.mkdtemp(prefix=cache.HALF, dir=place.parent)
            try:
                asyncio.run(_booted(plan, image, Path(folder)))
                Path(folder).rename(place)
            finally:
                shutil.rmtree(folder, ignore_errors=True)


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().split("\n\n")[0].splitlines()
    return "\n".join(line for line in lines if line.startswith(("model", "stepping", "flags", "microcode")))


def _clocked(plan: Plan) -> str:
    """Tell an emulated kernel how fast its processor counts, which is as fast as ours."""
    measured = ticks.kilohertz() if plan.accelerator == "tcg" else 0
    return f"tsc_early_khz={measured} tsc=reliable" if measured else ""


async def _booted(plan: Plan, image: Image, folder: Path) -> None:
    """Boot a machine, again if need be; raise `ConfigError` when it ends, or is never ready."""
    patience = _PATIENCE[plan.accelerator]
    for seconds in patience:
        with contextlib.suppress(TimeoutError):
            await _boot(plan, image, folder, seconds)
            return
    raise ConfigError(f"{NOT_BOOTED} within {patience[-1]:g} s")


async def _boot(plan: Plan, image: Image, folder: Path, seconds: float) -> None:
    """Boot a machine and write down its memory and its state as soon as it is ready."""
    with contextlib.ExitStack() as stack:
        memory = os.memfd_create("remit-boot", os.MFD_CLOEXEC)
        stack.callback(os.close, memory)
        os.ftruncate(memory, plan.megabytes << 20)
        opened = [os.open(path, os.O_RDONLY | os.O_CLOEXEC) for path in (image.kernel, image.archive)]
        for descriptor in opened:
            stack.callback(os.close, descriptor)
        line = f"{_clocked(plan)} {_BOOT_LINE} {','.join(contents.warm(image.packages))}"
        command = [
            *plan.command(memory, shared=True),
            *("-kernel", f"/proc/self/fd/{opened[0]}", "-initrd", f"/proc/self/fd/{opened[1]}", "-append", line),
        ]
        machine = Machine(plan, command, memory, opened)
        try:
            async with asyncio.timeout(seconds):
                ready = await machine.control.frame(100_000)
                if ready is None:
                    raise ConfigError(f"the machine ended while it booted: {machine.complaint()}")
                await _Monitor(machine.monitor).save(folder / "state")
        finally:
            await machine.close()
        with (folder / "memory").open("wb") as file:
            _copy_used(memory, file.fileno())
            os.fsync(file.fileno())
        (folder / "about.json").write_bytes(ready)


class _Monitor:
    """The emulator's monitor while a machine boots."""

    def __init__(self, end: socket.socket) -> None:
        end.setblocking(False)  # noqa: FBT003
        self._socket, self._rest = end, b""

    async def save(self, path: Path) -> None:
        """Write down the machine's state without its memory, which no longer changes then."""
        for prepared in _WITHOUT_MEMORY:
            await self._told(prepared)
        with path.open("wb") as file:
            socket.send_fds(self._socket, [b" "], [file.fileno()])
            await self._told(order("getfd", {"fdname": "state"}))
            await self._told(order("migrate", {"uri": "fd:state"}))
            while (status := (await self._told(order("query-migrate"))).get("status")) != "completed":
                if status in ("failed", "cancelled"):
                    raise ConfigError("the emulator could not write down the machine's state")
                await asyncio.sleep(0.02)
            os.fsync(file.fileno())

    async def _told(self, said: bytes) -> JsonObject:
        await asyncio.get_running_loop().sock_sendall(self._socket, said)
        while True:
            answer = cast("JsonObject", json.loads(await self._sentence()))
            if "error" in answer:
                raise ConfigError(f"the emulator refused {said.decode()}: {answer['error']}")
            if "return" in answer:
                return cast("JsonObject", answer["return"])

    async def _sentence(self) -> bytes:
        while b"\n" not in self._rest:
            part = await asyncio.get_running_loop().sock_recv(self._socket, 65536)
            if not part:
                raise ConfigError("the emulator ended")
            self._rest += part
        sentence, _, self._rest = self._rest.partition(b"\n")
        return sentence
