"""The zygote from outside: start it, order boxes of it, let it go."""

import asyncio
import importlib.util
import select
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import cast

from remit.core.errors import ConfigError
from remit.core.programs import Bounds, Mount
from remit.core.values import JsonObject, JsonValue
from remit.sandbox.inside.framing import pack
from remit.sandbox.native.link import Link

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


def _sites(packages: Sequence[str]) -> list[str]:
    """Find the folders from which packages are imported here."""
    specs = [importlib.util.find_spec(name) for name in packages]
    return sorted({str(Path(spec.origin).parent.parent) for spec in specs if spec and spec.origin})


class Zygote:
    """A process of which boxes are forked."""

    def __init__(self, process: asyncio.subprocess.Process, end: socket.socket, ready: JsonObject) -> None:
        """Hold a process that has said it is ready."""
        self.process, self._end = process, end
        self.packages = tuple(cast("list[str]", ready["packages"]))
        self.landlock = cast("int", ready["landlock"])

    @property
    def alive(self) -> bool:
        """Whether boxes can be ordered."""
        # It says nothing after its start: its end of the socket has become readable when that closed with it, which
        # is before anybody has waited for the process.
        poll = select.poll()
        poll.register(self._end, select.POLLIN)
        return not poll.poll(0)

    def order(self, bounds: Bounds, mounts: Sequence[Mount], *, namespaces: bool) -> Link:
        """Order a box and give the link to its keeper; raise `OSError` when the zygote is gone."""
        ours, theirs = socket.socketpair()
        frame: dict[str, object] = {
            "namespaces": namespaces,
            "landlock": self.landlock,
            "disk": bounds.disk,
            "files": bounds.files,
            "mounts": [[mount.source, mount.target] for mount in mounts],
        }
        with theirs:
            try:
                data = pack(frame)
                socket.send_fds(self._end, [data[:4]], [theirs.fileno()])
                self._end.sendall(data[4:])
            except OSError:
                ours.close()
                raise
        return Link(ours)

    async def close(self) -> None:
        """End it; its boxes end with it."""
        self._end.close()
        try:
            async with asyncio.timeout(5.0):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()


async def start(packages: Sequence[str]) -> Zygote:
    """Start a zygote with these packages loaded, as far as they are installed."""
    ours, theirs = socket.socketpair()
    here = Path(__file__).parent
    paths = [str(here.parent.parent), str(here.parent), str(here)]
    nothing = asyncio.subprocess.DEVNULL
    with theirs:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-I", "-S", "-E", "-B", "-c", _BOOT, str(theirs.fileno()), *paths),
            stdin=nothing,
            stdout=nothing,
            stderr=nothing,
            cwd="/",
            env={},
            close_fds=True,
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
        )
    # A copy is read, so that the link's way of closing does not decide about the socket that orders go over.
    reading = Link(ours.dup())
    wanted: list[JsonValue] = list(packages)
    sites: list[JsonValue] = list(_sites(packages))
    try:
        await reading.send({"sites": sites, "packages": wanted})
        async with asyncio.timeout(_START):
            ready = await reading.receive()
    except (OSError, TimeoutError):
        ready = None
    finally:
        reading.close()
    if ready is None:
        ours.close()
        if process.returncode is None:
            process.kill()
        await process.wait()
        raise ConfigError(
            "the zygote of the native sandbox did not start: it needs Linux and this Python's own library"
        )
    ours.settimeout(5.0)
    return Zygote(process, ours, ready)
