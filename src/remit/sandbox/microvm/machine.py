"""A machine: one emulator's process, confined, with three lines into it. It never ends well, only by being ended."""

import asyncio
import os
import resource
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import msgspec

from remit.sandbox.microvm.link import Link

Accelerator = Literal["kvm", "tcg"]
"""Whether the processor runs the machine, or the emulator translates it."""

EMULATOR = "qemu-system-x86_64"
_LAUNCH = str(Path(__file__).with_name("launch.py"))
_SANDBOX = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"
_MACHINE = "microvm,acpi=on,rtc=on,isa-serial=off,usb=off,memory-backend=ram"


class Plan(msgspec.Struct, frozen=True):
    """What a machine is made of: a snapshot fits no other."""

    emulator: str
    version: str
    accelerator: Accelerator
    megabytes: int

    def command(self, memory: int, *, shared: bool) -> list[str]:
        """Write the command of the emulator; `memory` is the descriptor of the machine's memory."""
        size = f"{self.megabytes}M"
        accelerator = "kvm" if self.accelerator == "kvm" else "tcg,tb-size=64,thread=single"
        place = f"mem-path=/proc/self/fd/{memory},share={'on' if shared else 'off'}"
        return [
            *(self.emulator, "-M", _MACHINE, "-accel", accelerator, "-m", size, "-smp", "1"),
            *("-cpu", "host" if self.accelerator == "kvm" else "max"),
            *("-object", f"memory-backend-file,id=ram,size={size},{place}"),
            *("-nodefaults", "-no-user-config", "-display", "none", "-nic", "none", "-no-reboot"),
            *("-device", "virtio-serial-device,max_ports=4"),
        ]


def emulator() -> tuple[str, str]:
    """Find the emulator and its version; empty when there is none."""
    path = shutil.which(EMULATOR)
    if path is None:
        return "", ""
    done = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
    return (path, done.stdout.partition("\n")[0]) if done.returncode == 0 else ("", "")


class Machine:
    """A running machine; what it says is untrusted."""

    def __init__(self, plan: Plan, command: Sequence[str], memory: int, files: Sequence[int]) -> None:
        """Start the emulator with the descriptors of its memory and files; raise `OSError` when it cannot be."""
        pairs = [socket.socketpair() for _ in range(4)]
        lines = ["-chardev", f"socket,id=monitor,fd={pairs[3][1].fileno()}", "-mon", "chardev=monitor,mode=control"]
        for number, (_ours, theirs) in enumerate(pairs[:3], 1):
            lines += ["-chardev", f"socket,id=line{number},fd={theirs.fileno()}"]
            lines += ["-device", f"virtserialport,chardev=line{number},nr={number}"]
        told = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-S", "-E", "-B", _LAUNCH, str(os.getpid())),
                    *(
                        "/dev/kvm" if plan.accelerator == "kvm" else "",
                        str(plan.megabytes << 20),
                        ",".join(map(str, files)),
                    ),
                    *(*command, "-sandbox", _SANDBOX, *lines),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=told[1],
                cwd="/",
                env={},
                pass_fds=(memory, *files, *(theirs.fileno() for _ours, theirs in pairs)),
            )
        except BaseException:
            os.close(told[0])
            for ours, _theirs in pairs:
                ours.close()
            raise
        finally:
            os.close(told[1])
            for _ours, theirs in pairs:
                theirs.close()
        self._told = told[0]
        self._handle = os.pidfd_open(self._process.pid)
        self.monitor = pairs[3][0]
        """Leads to the emulator; nothing in the machine can reach it."""
        self.control, self.talk, self.output = (Link(ours) for ours, _theirs in pairs[:3])
        self._closed = False

    @property
    def pid(self) -> int:
        """The process."""
        return self._process.pid

    def end(self) -> None:
        """End the machine at once."""
        if not self._closed:
            self._process.kill()

    def bound(self, seconds: float) -> None:
        """Let the emulator use so many more seconds of processor, whatever happens in it."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
            used = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
            most = int(used + seconds) + 1
            resource.prlimit(self.pid, resource.RLIMIT_CPU, (most, most))
        except OSError:
            # It has ended, which whoever reads from it learns.
            return

    def complaint(self) -> str:
        """Say what the emulator complained of last."""
        try:
            return os.read(self._told, 4096).decode(errors="replace").strip()[-500:]
        except OSError:
            return ""

    async def close(self) -> None:
        """End it and wait until nothing of it is left; it may be closed again."""
        if self._closed:
            return
        self.end()
        self._closed = True
        loop = asyncio.get_running_loop()
        gone = loop.create_future()
        loop.add_reader(self._handle, lambda: gone.done() or gone.set_result(None))
        try:
            await asyncio.shield(gone)
        finally:
            loop.remove_reader(self._handle)
            self._process.wait()
            os.close(self._handle)
            os.close(self._told)
            for line in (self.control, self.talk, self.output):
                line.close()
            self.monitor.close()
