"""The zygote: a process without environment, files or secrets, warmed once, of which every box is a copy.

What it is told of a box is no secret of anybody's: the names of files to mount go to the box alone.
"""

import contextlib
import os
import resource
import select
import signal
import socket
import sys
import time
from types import FrameType
from typing import cast

from remit.sandbox.inside.framing import Frame, pack, receive, receive_with, write
from remit.sandbox.native.inside import groups, keeper, landlock, linux, room, seccomp, warm

_CLOSING = 5.0
_RETRY = 50
"""Milliseconds until a group that was still busy is tried again."""


def _map(pid: int) -> bytes:
    """Map the users of a new namespace; say whether there is a nobody in it."""

    def tell(name: str, text: str) -> None:
        descriptor = os.open(f"/proc/{pid}/{name}", os.O_WRONLY)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)

    try:
        if os.geteuid() != 0:
            raise PermissionError
        for name in ("gid_map", "uid_map"):
            tell(name, "0 0 1\n65534 65534 1\n")
        return b"2"
    except OSError:
        tell("setgroups", "deny")
        tell("gid_map", f"0 {os.getegid()} 1\n")
        tell("uid_map", f"0 {os.geteuid()} 1\n")
        return b"1"


class Zygote:
    """Makes boxes as ordered, and ends them all with itself."""

    def __init__(self, orders: socket.socket, terms: Frame, kept: groups.Groups | None) -> None:
        """Take orders; `terms` are the same for every box."""
        self._orders, self._terms, self._groups = orders, terms, kept
        self._boxes: dict[int, int] = {}
        """Keepers by descriptor: the number of the box."""
        self._gone: set[int] = set()
        """Boxes whose groups are still to be removed."""
        self._made = 0
        self._poll = select.poll()
        self._poll.register(orders.fileno(), select.POLLIN)

    def serve(self) -> None:
        """Make boxes until the other end of the orders is gone."""
        while True:
            for descriptor, _event in self._poll.poll(_RETRY if self._gone else None):
                if descriptor != self._orders.fileno():
                    self._bury(descriptor)
                    continue
                order, descriptors = receive_with(self._orders, 1)
                if order is None:
                    return
                with socket.socket(fileno=descriptors[0]) as control:
                    self._open(order, control)
            self._tidy()

    def _bury(self, keeper_of_box: int) -> None:
        self._poll.unregister(keeper_of_box)
        self._gone.add(self._boxes.pop(keeper_of_box))
        os.close(keeper_of_box)

    def _tidy(self) -> None:
        kept = self._groups
        self._gone = {box for box in self._gone if kept is not None and not kept.remove(box)}

    def _open(self, order: Frame, control: socket.socket) -> None:
        told, tell = os.pipe()
        events = -1
        self._made += 1
        try:
            if order["group"] and self._groups is not None:
                # What was there before counts again as soon as it is written to.
                memory = cast("int", order["memory"]) + cast("int", self._terms["data"])
                processes = cast("int", order["processes"])
                events = self._groups.add(self._made, memory, processes)
            flags = sum(linux.CLONE_NEW.values())
            pid = linux.clone(flags) if order["namespaces"] else os.fork()
            if pid == 0:
                os.close(tell)
                keeper.main(self._terms | order | {"events": events}, control, told)
            self._watch(pid)
            if events >= 0 and self._groups is not None:
                self._groups.enter(self._made, pid)
            mapped = _map(pid) if order["namespaces"] else b"1"
            os.write(tell, mapped)
        except OSError as error:
            # Without a word, the new keeper ends by itself.
            self._gone.add(self._made)
            try:
                write(control.fileno(), pack({"op": "failed", "why": str(error)}))
            except OSError:
                return
        finally:
            for descriptor in (told, tell, events):
                if descriptor >= 0:
                    os.close(descriptor)

    def _watch(self, pid: int) -> None:
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            self._gone.add(self._made)
            return
        self._boxes[handle] = self._made
        self._poll.register(handle, select.POLLIN)

    def close(self) -> None:
        """End every box and leave no group."""
        self._poll.unregister(self._orders.fileno())
        for handle in self._boxes:
            try:
                signal.pidfd_send_signal(handle, signal.SIGKILL)
            except ProcessLookupError:
                continue
        until = time.monotonic() + _CLOSING
        while self._boxes and time.monotonic() < until:
            for descriptor, _event in self._poll.poll(_RETRY):
                self._bury(descriptor)
        if self._groups is not None:
            self._groups.close()


def _grouped(*, wanted: bool) -> tuple[groups.Groups | None, str]:
    """Make the groups of this zygote, after sweeping what others left; or say why not."""
    if not wanted:
        return None, "not asked for"
    try:
        places = groups.here()
        groups.sweep(places)
        return groups.Groups(places), ""
    except OSError as error:
        return None, f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")


def _landlock() -> int:
    try:
        return landlock.version()
    except OSError:
        return 0


def main(descriptor: int) -> None:
    """Make boxes as ordered over the descriptor until its other end, or the process behind it, is gone."""
    sys.argv[:] = sys.orig_argv[:] = ["program"]
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    orders = socket.socket(fileno=descriptor)

    def leave(_signal: int, _frame: FrameType | None) -> None:
        # As if the other end were gone: an exception could come in the middle of removing groups.
        with contextlib.suppress(OSError):
            orders.shutdown(socket.SHUT_RD)

    signal.signal(signal.SIGTERM, leave)
    # Not killed: it must still remove the groups of its boxes.
    linux.die_with_parent(signal.SIGTERM)
    first = receive(descriptor)
    if first is None:
        return
    sites = cast("list[str]", first["sites"])
    failed = warm.load(cast("list[str]", first["packages"]), sites, cast("str", first["cache"]))
    linux.one_arena()
    packages, version = warm.origins(sites), _landlock()
    seccomp.build(os.uname().machine, 1, alone=True, threads=True)
    terms: Frame = {"packages": packages, "landlock": version, "root": os.geteuid() == 0}
    if version:
        # Of all boxes without namespaces; the others see another root and have their own.
        terms["ruleset"] = landlock.ruleset([*room.standard(), *room.shared(), *packages], [room.library()], [])
    with open("/proc/self/statm") as file:  # noqa: PTH123
        pages = [int(each) * resource.getpagesize() for each in file.read().split()]
    terms |= {"base": pages[0], "data": pages[5]}
    kept, why = _grouped(wanted=bool(first["groups"]))
    zygote = Zygote(orders, terms, kept)
    try:
        write(descriptor, pack({"op": "ready", "failed": failed, "landlock": version, "groups": why}))
        zygote.serve()
    finally:
        zygote.close()
