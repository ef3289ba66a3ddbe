"""Starting the process beside a box, and letting it go."""

import asyncio
import os
import shutil
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from remit.core.errors import ConfigError
from remit.core.programs import Bounds, SandboxPolicy
from remit.core.values import JsonObject, JsonValue
from remit.sandbox.bubblewrap.link import Link
from remit.sandbox.bubblewrap.shown import PACKAGES, Shown, library, python, readable
from remit.sandbox.inside.keeper import DATA
from remit.sandbox.kept import KeptBox
from remit.sandbox.relay import Relay
from remit.sandbox.seccomp import bpf

INSTALL = "apt install bubblewrap (0.8 or newer)"
_BOOT = """
import sys
names = ("remit", "remit.sandbox", "remit.sandbox.bubblewrap")
for name, path in zip(names, sys.argv[2:5]):
    module = type(sys)(name)
    module.__path__ = [path]
    sys.modules[name] = module
from remit.sandbox.bubblewrap.inside.holder import main
main(int(sys.argv[1]))
"""
"""Packages without their `__init__`: the process needs nothing of them."""
_READY = 30.0
_CLOSING = 5.0


def found(bwrap: str | None) -> str:
    """Find bubblewrap; raise `ConfigError` when it is not installed."""
    path = shutil.which(bwrap or "bwrap")
    if path is None:
        raise ConfigError(f"there is no {bwrap or 'bwrap'!r}: {INSTALL}")
    return str(Path(path).resolve())


def _name_users(pid: int) -> bool:
    """Name the users of a process's new namespace; say whether there is a nobody among them."""

    def tell(name: str, text: str) -> None:
        descriptor = os.open(f"/proc/{pid}/{name}", os.O_WRONLY)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)

    if os.geteuid() == 0:
        try:
            for name in ("gid_map", "uid_map"):
                tell(name, "0 0 1\n65534 65534 1\n")
            return True
        except OSError:
            # Root of a container that may not.
            pass
    tell("setgroups", "deny")
    tell("gid_map", f"0 {os.getegid()} 1\n")
    tell("uid_map", f"0 {os.geteuid()} 1\n")
    return False


async def _started() -> tuple[asyncio.subprocess.Process, Link]:
    ours, theirs = socket.socketpair()
    here = Path(__file__).parent
    nothing = asyncio.subprocess.DEVNULL
    with theirs:
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-I", "-S", "-B", "-c", _BOOT, str(theirs.fileno())),
                *(str(here.parent.parent), str(here.parent), str(here)),
                stdin=nothing,
                stdout=nothing,
                stderr=nothing,
                cwd="/",
                env={},
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        except BaseException:
            ours.close()
            raise
    return process, Link(ours)


def _place(bwrap: str, bounds: Bounds, shown: Sequence[Shown], *, nobody: bool) -> JsonObject:
    pairs: list[JsonValue] = [[each.source, each.target] for each in shown]
    return {
        "bwrap": bwrap,
        "python": python(),
        "library": library(),
        "inside": str(Path(__file__).parent.parent / "inside"),
        "shown": pairs,
        "filter": bpf(os.uname().machine, starting=True).hex(),
        "nobody": nobody,
        "disk": bounds.disk,
        "files": bounds.files,
    }


async def _set_up(relay: Relay, pid: int, bwrap: str, bounds: Bounds, shown: Sequence[Shown]) -> bool:
    """Have the place made; say whether its programs are nobody."""
    answer = await relay.ready()
    if answer.get("op") == "left":
        # As root, programs run as a user that owns nothing, unless that user could not read what they are given.
        named = _name_users(pid)
        nobody = named and all(readable(each.source) for each in shown)
        await relay.send(DATA, msgspec.json.encode(_place(bwrap, bounds, shown, nobody=nobody)))
        answer = await relay.ready()
        if answer.get("op") == "ready":
            return nobody
    raise ConfigError(f"no box of the bubblewrap sandbox: {answer.get('why')}")


async def opened(bwrap: str, policy: SandboxPolicy, shown: Sequence[Shown]) -> KeptBox:
    """Make a box; raise `ConfigError` with what the machine forbade."""
    bounds = policy.bounds
    process, link = await _started()
    relay = Relay(link, bounds)

    async def leave() -> None:
        try:
            async with asyncio.timeout(_CLOSING):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    try:
        async with asyncio.timeout(_READY):
            await _set_up(relay, process.pid, bwrap, bounds, shown)
    except BaseException as error:
        await relay.close()
        await leave()
        if isinstance(error, OSError):
            raise ConfigError(f"no box of the bubblewrap sandbox: {error}") from error
        raise
    packages: list[JsonValue] = list(policy.packages)
    order: JsonObject = {
        "sites": [PACKAGES] if packages else [],
        "packages": packages,
        "memory": bounds.memory,
        "cpu": bounds.cpu,
        "disk": bounds.disk,
        # Counted per user namespace, where bubblewrap's first process is one of them.
        "processes": bounds.processes + 1,
        "recursion": bounds.recursion,
    }
    return KeptBox("bubblewrap", relay, bounds, order, leave)
