"""The process beside a box: holds its files in namespaces of its own, and starts bubblewrap for each program."""

import json
import os
import signal
from typing import cast

from remit.sandbox.bubblewrap.inside import place
from remit.sandbox.inside.framing import Frame
from remit.sandbox.inside.keeper import ANSWER, Keeper, hear, quiet, say
from remit.sandbox.inside.scratch import Scratch

_NOBODY = 65534
_FILTER = 4
_SIGNALLED = 128
"""What bubblewrap adds to the number of a signal that ended a program."""
_BOOT = """
import sys
for name, path in (("remit", []), ("remit.sandbox", []), ("remit.sandbox.inside", ["/inside"])):
    module = type(sys)(name)
    module.__path__ = path
    sys.modules[name] = module
from remit.sandbox.inside.standalone import main
main()
"""
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
_ALWAYS = (
    *("--unshare-user", "--unshare-all", "--die-with-parent", "--new-session", "--clearenv", "--cap-drop", "ALL"),
    *("--uid", str(_NOBODY), "--gid", str(_NOBODY), "--hostname", "box"),
)


class _Bubblewrap:
    """Starts one process of bubblewrap's for each program."""

    def __init__(self, order: Frame, shown: list[str]) -> None:
        devices = [part for device in _DEVICES for part in ("--dev-bind", device, device)]
        python = [cast("str", order["python"]), "-I", "-S", "-B", "-c", _BOOT]
        last = ["--remount-ro", "/", "--chdir", "/scratch", "--seccomp", str(_FILTER), "--", *python]
        self._bwrap = cast("str", order["bwrap"])
        self._command = [self._bwrap, *_ALWAYS, *devices, *shown, *last]
        self._nobody = bool(order["nobody"])
        self._filter = os.memfd_create("filter")
        os.write(self._filter, bytes.fromhex(cast("str", order["filter"])))

    def start(self, order: Frame, bridge: int, output: int) -> int:
        pid = os.fork()
        if pid == 0:
            try:
                self._become(bridge, output)
                # Nothing of ours is in its environment, which `/proc/1/environ` of the box would show.
                os.execve(self._bwrap, self._command, {})
            except OSError as error:
                os.write(output, f"bubblewrap did not start: {error}\n".encode())
            finally:
                os._exit(1)
        return pid

    def _become(self, bridge: int, output: int) -> None:
        os.lseek(self._filter, 0, os.SEEK_SET)
        # Duplicates above what is about to be replaced.
        taken = [os.open("/dev/null", os.O_RDONLY), output, output, bridge, self._filter]
        above = [os.dup(descriptor) for descriptor in taken]
        while min(above) <= _FILTER:
            above = [os.dup(descriptor) for descriptor in above]
        for number, descriptor in enumerate(above):
            os.dup2(descriptor, number)
        if self._nobody:
            os.setgroups([])
            os.setresgid(_NOBODY, _NOBODY, _NOBODY)
            os.setresuid(_NOBODY, _NOBODY, _NOBODY)

    def kill(self, pid: int) -> None:
        # What is in the box dies with it.
        os.kill(pid, signal.SIGKILL)

    def sweep(self, code: int) -> int:
        return _SIGNALLED - code if code > _SIGNALLED else code


def _prepared(link: int) -> Keeper | None:
    """Make the place as ordered; none when the other side is gone."""
    place.leave()
    # Only from outside can the users of the new namespace be named.
    say(link, ANSWER, json.dumps({"op": "left"}).encode())
    message = hear(link)
    if message is None:
        return None
    order = cast("Frame", json.loads(message[2]))
    shown = place.build(order)
    place.die_with_parent()
    owner = _NOBODY if order["nobody"] else None
    scratch = Scratch(place.SCRATCH, owner, cast("int", order["disk"]))
    return Keeper(link, link, scratch, _Bubblewrap(order, shown))


def main(link: int) -> None:
    """Hold a box until the other side is gone."""
    os.set_inheritable(link, False)  # noqa: FBT003 - the parameter has no name
    quiet()
    try:
        keeper = _prepared(link)
        if keeper is not None:
            say(link, ANSWER, json.dumps({"op": "ready"}).encode())
            keeper.serve()
    except (BrokenPipeError, ConnectionResetError):
        return
    except OSError as error:
        say(link, ANSWER, json.dumps({"op": "failed", "why": str(error)}).encode())
