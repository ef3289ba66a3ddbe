"""The keeper of a box: first process of its namespaces. Starts one worker for each program, and ends everything.

It runs nobody's code, and it alone tells the other side how a worker ended.
"""

import os
import select
import signal
import socket
from typing import cast

from remit.sandbox.inside.framing import Frame, pack, read, receive, receive_with, write
from remit.sandbox.native.inside import files, linux, room, worker

_NOBODY = 65534


def _kill(pid: int, *, namespaces: bool) -> None:
    # In a PID namespace of its own, everybody but itself; elsewhere this would be everybody.
    try:
        os.kill(-1 if namespaces else pid, signal.SIGKILL)
    except ProcessLookupError:
        return


class Keeper:
    """Serves the other side of one box, until that closes."""

    def __init__(self, box: Frame, control: socket.socket) -> None:
        """Keep the box that was ordered; `control` leads to who ordered it."""
        self._box, self._control = box, control
        self._namespaces = bool(box["namespaces"])

    def serve(self) -> None:
        """Do what is ordered until the other side is gone."""
        while True:
            order, descriptors = receive_with(self._control, 2)
            if order is None:
                return
            if order["op"] == "close":
                self._say({"op": "closed"})
                return
            if order["op"] == "run":
                if not self._run(order, descriptors):
                    return
            elif order["op"] in ("put", "get"):
                self._file(order)

    def _say(self, frame: Frame, data: bytes = b"") -> None:
        write(self._control.fileno(), pack(frame) + data)

    def _run(self, order: Frame, descriptors: list[int]) -> bool:
        bridge, output = descriptors
        pid = os.fork()
        if pid == 0:
            worker.main(self._box, order, bridge, output)
        os.close(bridge)
        os.close(output)
        stays = self._watch(pid)
        _pid, status, used = os.wait4(pid, 0)
        if self._namespaces:
            _kill(pid, namespaces=True)
        if stays:
            ended = {"op": "ended", "status": os.waitstatus_to_exitcode(status)}
            self._say({**ended, "cpu": used.ru_utime + used.ru_stime})
        return stays

    def _watch(self, pid: int) -> bool:
        """Wait for the end of a worker, or end it when that is ordered; whether the other side is still there."""
        handle = os.pidfd_open(pid)
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        poll.register(self._control.fileno(), select.POLLIN)
        stays = True
        try:
            while True:
                ready = [descriptor for descriptor, _event in poll.poll()]
                if handle in ready:
                    return stays
                # Only one order is sent while a program runs: to end it.
                stays = receive(self._control.fileno()) is not None
                _kill(pid, namespaces=self._namespaces)
                if not stays:
                    return False
        finally:
            os.close(handle)

    def _file(self, order: Frame) -> None:
        path, size = cast("str", order["path"]), cast("int", order.get("size", 0))
        owner = _NOBODY if self._box["nobody"] else 0
        sent = read(self._control.fileno(), size) or b""
        data = b""
        try:
            if order["op"] == "put":
                files.put(path, sent, owner)
            else:
                data = files.get(path, cast("int", self._box["disk"]))
        except OSError as error:
            self._say({"op": "failed", "why": f"{error.strerror or error}: {path!r}"})
            return
        self._say({"op": "file", "size": len(data)}, data)


def _furnish(box: Frame, mapped: bytes) -> None:
    if not mapped:
        raise OSError("the user ids of the box could not be mapped")
    box["nobody"] = bool(box["nobody"]) and mapped == b"2"
    os.setresgid(0, 0, 0)
    os.setresuid(0, 0, 0)
    mounts = [(source, target) for source, target in cast("list[list[str]]", box["mounts"])]
    disk, inodes = cast("int", box["disk"]), cast("int", box["files"])
    room.build(cast("list[str]", box["packages"]), mounts, disk, inodes)


def main(box: Frame, control: socket.socket, told: int) -> None:
    """Set up the box and serve it; never returns."""
    try:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        mapped = os.read(told, 1)
        os.close(told)
        for descriptor in range(3, 1024):
            if descriptor != control.fileno():
                try:
                    os.close(descriptor)
                except OSError:
                    continue
        os.setsid()
        if box["namespaces"]:
            _furnish(box, mapped)
        linux.die_with_parent()
        linux.prctl(linux.PR_SET_DUMPABLE, 0, "PR_SET_DUMPABLE")
        os.umask(0o022)
        keeper = Keeper(box, control)
        write(control.fileno(), pack({"op": "ready"}))
        keeper.serve()
    except OSError as error:
        try:
            write(control.fileno(), pack({"op": "failed", "why": str(error)}))
        except OSError:
            os._exit(1)
    finally:
        os._exit(0)
