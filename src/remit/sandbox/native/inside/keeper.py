"""The keeper of a box: first process of its namespaces. Starts one worker for each program, and ends everything.

It runs nobody's code, and it alone tells the other side how a worker ended.
"""

import contextlib
import json
import os
import select
import signal
import socket
import stat
from typing import cast

from remit.sandbox.inside.framing import Frame, pack, read, receive, receive_with, write
from remit.sandbox.inside.scratch import LISTED, Scratch
from remit.sandbox.native.inside import groups, landlock, linux, room, worker

_NOBODY = 65534
_DESCRIPTORS = 1 << 16


class Keeper:
    """Serves the other side of one box, until that closes."""

    def __init__(self, box: Frame, control: socket.socket) -> None:
        """Keep the box that was ordered; `control` leads to who ordered it."""
        self._box, self._control = box, control
        self._workers: dict[int, tuple[int, int]] = {}
        """Workers by descriptor: process and the number that the other side gave it."""
        self._events = cast("int", box["events"])
        self._kills = self._killed()
        self._poll = select.poll()
        self._poll.register(control.fileno(), select.POLLIN)

    def serve(self) -> None:
        """Do what is ordered until the other side is gone, then end all workers."""
        try:
            while self._turn():
                continue
        finally:
            for handle, (pid, _number) in self._workers.items():
                _kill(handle)
                os.waitpid(pid, 0)

    def _turn(self) -> bool:
        for descriptor, _event in self._poll.poll():
            if descriptor != self._control.fileno():
                self._bury(descriptor)
            elif not self._obey():
                return False
        return True

    def _obey(self) -> bool:
        order, descriptors = receive_with(self._control, 2)
        if order is None:
            return False
        match order["op"]:
            case "prepare":
                self._prepare(cast("int", order["number"]), descriptors)
            case "kill":
                for handle, (_pid, number) in self._workers.items():
                    if number == order["number"]:
                        _kill(handle)
            case "close":
                return False
            case _:
                self._file(order)
        return True

    def _say(self, frame: Frame, data: bytes = b"") -> None:
        write(self._control.fileno(), pack(frame) + data)

    def _prepare(self, number: int, descriptors: list[int]) -> None:
        """Start a worker, which waits for its program."""
        bridge, output = descriptors
        try:
            pid = os.fork()
            if pid == 0:
                worker.main(self._box, bridge, output)
            handle = os.pidfd_open(pid)
        except OSError:
            self._say({"op": "ended", "number": number, "status": 1, "cpu": 0.0, "oom": False})
            return
        finally:
            os.close(bridge)
            os.close(output)
        self._workers[handle] = (pid, number)
        self._poll.register(handle, select.POLLIN)

    def _bury(self, handle: int) -> None:
        """Say how a worker ended."""
        pid, number = self._workers.pop(handle)
        self._poll.unregister(handle)
        os.close(handle)
        _pid, status, used = os.wait4(pid, 0)
        kills = self._killed()
        starved, self._kills = kills > self._kills, kills
        code, cpu = os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime
        oom = starved and code == -signal.SIGKILL
        self._say({"op": "ended", "number": number, "status": code, "cpu": cpu, "oom": oom})

    def _killed(self) -> int:
        return groups.kills(self._events) if self._events >= 0 else 0

    def _file(self, order: Frame) -> None:
        path, size = cast("str", order.get("path", "")), cast("int", order.get("size", 0))
        owner = _NOBODY if self._box["nobody"] else 0
        scratch = Scratch(room.SCRATCH, owner, cast("int", self._box["disk"]))
        sent = read(self._control.fileno(), size) or b""
        data = b""
        try:
            if order["op"] == "put":
                scratch.put(path, sent)
            elif order["op"] == "list":
                most = min(LISTED, cast("int", self._box["files"]))
                data = json.dumps(scratch.files(most)).encode()
            else:
                data = scratch.get(path)
        except OSError as error:
            self._say({"op": "failed", "why": f"{error.strerror or error}: {path!r}"})
            return
        self._say({"op": "file", "size": len(data)}, data)


def _kill(handle: int) -> None:
    # By descriptor: a number may be somebody else's by now.
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(handle, signal.SIGKILL)


def _readable(path: str) -> bool:
    """Whether anybody may read a path, once it is shown at a place of its own."""
    mode = os.stat(path).st_mode  # noqa: PTH116
    if not stat.S_ISDIR(mode):
        return bool(mode & stat.S_IROTH)
    if mode & 0o5 != 0o5:
        return False
    inner = [entry.stat(follow_symlinks=False).st_mode for entry in os.scandir(path)]
    return all(each & (0o5 if stat.S_ISDIR(each) else 0o4) for each in inner)


def _reachable(path: str) -> bool:
    """Whether anybody may reach a path through all folders above it."""
    above = path.split("/")
    return all(os.stat("/".join(above[:end]) or "/").st_mode & stat.S_IXOTH for end in range(1, len(above)))  # noqa: PTH116


def _nobody(box: Frame) -> bool:
    """Whether programs can run as a user that owns nothing; needs root, and code and data that anybody may read."""
    try:
        if not box["namespaces"]:
            return bool(box["root"]) and _reachable(room.library() + "/os.py")
        mounts = cast("list[list[str]]", box["mounts"])
        return bool(box["root"]) and all(_readable(path) for path in (room.library(), *(pair[0] for pair in mounts)))
    except OSError:
        return False


def _furnish(box: Frame, mapped: bytes) -> None:
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    box["nobody"] = mapped == b"2" and _nobody(box)
    mounts = [(source, target) for source, target in cast("list[list[str]]", box["mounts"])]
    disk, inodes = cast("int", box["disk"]), cast("int", box["files"])
    room.build(cast("list[str]", box["packages"]), mounts, disk, inodes)
    socket.sethostname("box")
    # No worker needs to know where on the host its data is.
    box["mounts"] = []
    if box["landlock"]:
        box["ruleset"] = landlock.ruleset(["/"], [], [room.SCRATCH, "/dev/null"])


def _let_go(box: Frame, control: int) -> None:
    """Close every descriptor of the zygote's but those of this box."""
    kept = sorted({control, cast("int", box["events"]), cast("int", box.get("ruleset", -1))} - {-1})
    for low, high in zip([2, *kept], [*kept, _DESCRIPTORS], strict=True):
        os.closerange(low + 1, high)


def main(box: Frame, control: socket.socket, told: int) -> None:
    """Set up the box and serve it; never returns."""
    try:
        for name in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(name, signal.SIG_DFL)
        linux.die_with_parent()
        mapped = os.read(told, 1)
        if not mapped:
            os._exit(1)
        _let_go(box, control.fileno())
        os.setsid()
        box |= receive(control.fileno()) or {}
        if "disk" not in box:
            os._exit(0)
        if box["namespaces"]:
            _furnish(box, mapped)
        else:
            box["nobody"] = _nobody(box)
        # Again, since changing the user id undoes it.
        linux.die_with_parent()
        linux.bar_capabilities()
        linux.prctl(linux.PR_SET_DUMPABLE, 0, "PR_SET_DUMPABLE")
        os.umask(0o022)
        keeper = Keeper(box, control)
        write(control.fileno(), pack({"op": "ready"}))
        keeper.serve()
    except OSError as error:
        with contextlib.suppress(OSError):
            write(control.fileno(), pack({"op": "failed", "why": str(error)}))
    finally:
        os._exit(0)
