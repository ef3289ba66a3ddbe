"""The zygote from outside: start it, order boxes of it, let it go."""

import asyncio
import contextlib
import select
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from remit.core.errors import ConfigError
from remit.core.programs import Bounds, Mount
from remit.core.values import JsonObject, JsonValue
from remit.sandbox.inside.framing import pack
from remit.sandbox.native.control import Control
from remit.sandbox.native.inside import groups as control_groups
from remit.sandbox.native.link import Link
from remit.sandbox.native.packages import sites

_BOOT = """
import sys, types
for name, path in zip(("remit", "remit.sandbox", "remit.sandbox.native"), sys.argv[2:5]):
    module = types.ModuleType(name)
    module.__path__ = [path]
    sys.modules[name] = module
from remit.sandbox.native.inside.zygote import main
main(int(sys.argv[1]))
"""
"""Packages without their `__init__`: a box is a copy of all that is loaded, and needs nothing of them."""
_START = 60.0
"""Seconds in which a zygote imports its packages."""
_READY = 30.0
_CLOSING = 10.0


class Zygote:
    """A process of which boxes are forked."""

    def __init__(self, process: "subprocess.Popen[bytes]", end: socket.socket, ready: JsonObject) -> None:
        """Hold a process that has said it is ready."""
        self.process, self._end = process, end
        self.landlock = cast("int", ready["landlock"])
        self.ungrouped = cast("str", ready["groups"])
        """Why it makes no control groups; empty when it does."""

    @property
    def alive(self) -> bool:
        """Whether boxes can be ordered."""
        # It says nothing after its start: its end of the socket has become readable when that closed with it, which
        # is before anybody has waited for the process.
        poll = select.poll()
        poll.register(self._end, select.POLLIN)
        return not poll.poll(0)

    def order(self, bounds: Bounds, mounts: Sequence[Mount], *, namespaces: bool, group: bool) -> Control:
        """Order a box and give the control of it; raise `OSError` when the zygote is gone."""
        ours, theirs = socket.socketpair()
        # With the keeper, the worker of a program and the next one, which waits.
        frame: dict[str, object] = {
            "namespaces": namespaces,
            "group": group,
            "memory": bounds.memory + bounds.disk,
            "processes": bounds.processes + 2,
        }
        control = Control(Link(ours))
        with theirs:
            try:
                data = pack(frame)
                socket.send_fds(self._end, [data[:4]], [theirs.fileno()])
                self._end.sendall(data[4:])
                shown: list[JsonValue] = [[mount.source, mount.target] for mount in mounts]
                control.furnish({"disk": bounds.disk, "files": bounds.files, "mounts": shown})
                control.advance()
            except OSError:
                control.close()
                raise
        return control

    async def ready(self, control: Control) -> None:
        """Wait until a box is set up; raise `ConfigError` with what the machine forbade."""
        why = "it was killed"
        try:
            async with asyncio.timeout(_READY):
                answer = await control.answer()
            if answer is not None and answer["op"] == "ready":
                return
            why = str(answer["why"]) if answer else why
        except (TimeoutError, OSError):
            why = "it did not start"
        except BaseException:
            control.close()
            raise
        control.close()
        raise ConfigError(f"no box of the native sandbox: {why}")

    async def close(self) -> None:
        """End it; its boxes end with it, and no control group of theirs is left."""
        self._end.close()
        await asyncio.to_thread(_awaited, self.process, _CLOSING)
        if self.process.returncode != 0 and not self.ungrouped:
            # It was killed, and could not do this.
            with contextlib.suppress(OSError):
                await asyncio.to_thread(lambda: control_groups.sweep(control_groups.here()))


async def start(packages: Sequence[str], *, groups: bool) -> Zygote:
    """Start a zygote with these packages loaded; raise `ConfigError` when one of them cannot be."""
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            process = _spawned(theirs)
        except OSError as error:
            ours.close()
            raise ConfigError(f"the zygote of the native sandbox cannot be started: {error}") from error
    ready: JsonObject | None = None
    try:
        ready = await _greeted(ours, packages, groups=groups)
    finally:
        if ready is None or ready["failed"]:
            ours.close()
            await asyncio.to_thread(_awaited, process, 0.0)
    if ready is None:
        raise ConfigError(
            "the zygote of the native sandbox did not start: it needs Linux and this Python's own library"
        )
    if ready["failed"]:
        raise ConfigError(f"packages that cannot be imported here: {ready['failed']}; install them again")
    ours.settimeout(5.0)
    return Zygote(process, ours, ready)


def _spawned(end: socket.socket) -> "subprocess.Popen[bytes]":
    """Start the process; not by a loop, which may be gone before the process is."""
    here = Path(__file__).parent
    paths = [str(here.parent.parent), str(here.parent), str(here)]
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-E", "-B", "-c", _BOOT, str(end.fileno()), *paths],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env={},
        pass_fds=(end.fileno(),),
        start_new_session=True,
    )


def _awaited(process: "subprocess.Popen[bytes]", seconds: float) -> None:
    """Wait for the end of a process, which is killed after so many seconds."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


async def _greeted(ours: socket.socket, packages: Sequence[str], *, groups: bool) -> JsonObject | None:
    """Tell a zygote what to load and wait until it has; none when it is gone."""
    # A copy is read, so that the link's way of closing does not decide about the socket that orders go over.
    reading = Link(ours.dup())
    wanted: list[JsonValue] = list(packages)
    folders: list[JsonValue] = list(sites(packages))
    # Some packages insist on a folder for what they remember; nobody needs it once they are loaded.
    cache = await asyncio.to_thread(tempfile.TemporaryDirectory, prefix="remit-zygote-")
    try:
        await reading.send({"sites": folders, "packages": wanted, "cache": cache.name, "groups": groups})
        async with asyncio.timeout(_START):
            return await reading.receive()
    except (OSError, TimeoutError):
        return None
    finally:
        reading.close()
        await asyncio.to_thread(cache.cleanup)
