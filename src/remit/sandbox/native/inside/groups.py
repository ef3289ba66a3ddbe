"""Control groups: what a box and all that it starts may use of memory and processes, the kernel's share included.

Each zygote has a group of its own, which it holds by a lock; below it each box has one. What nobody holds is swept.
Source: Linux, `Documentation/admin-guide/cgroup-v2.rst` and `cgroup-v1/memory.rst`.
"""

import contextlib
import errno
import fcntl
import os
import signal
import time
from typing import NamedTuple

NAME = "remit-"
_PATIENCE = 5.0
"""Seconds for processes that were killed to be gone."""
_SLACK = 48_000_000
"""Bytes beside those of programs: the keeper, the worker in advance, and what the kernel keeps for them."""


class Place(NamedTuple):
    """A folder in which groups can be made, and the files that bound them."""

    folder: str
    memory: tuple[str, ...]
    """Files that take bytes; those after the first (of swap) need not be there."""
    pids: str
    events: str
    """The file that counts processes which were killed for want of memory."""


def _mounted(mounts: str) -> dict[str, tuple[str, str]]:
    """Find the hierarchies: by controller (empty for version 2) the root that is mounted and where."""
    found: dict[str, tuple[str, str]] = {}
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        root, point = before.split()[3:5]
        kind, _source, options = after.split()[:3]
        if kind == "cgroup2":
            found[""] = (root, point)
        elif kind == "cgroup":
            found |= {each: (root, point) for each in options.split(",") if each in ("memory", "pids")}
    return found


def _own(hierarchy: tuple[str, str], path: str) -> str:
    root, point = hierarchy
    below = path if root == "/" else path[len(root) :] if (path + "/").startswith(root + "/") else ""
    return (point + "/" + below.strip("/")).rstrip("/")


def _has(path: str) -> bool:
    try:
        with open(path) as file:  # noqa: PTH123
            return {"memory", "pids"} <= {each.lstrip("+") for each in file.read().split()}
    except OSError:
        return False


def find(mounts: str, own: str) -> list[Place]:
    """Find where groups can be made, of `/proc/self/mountinfo` and `/proc/self/cgroup`; raise `OSError` saying why not.

    Nothing outside the group of this process or of its parent is looked at, and no group that exists is changed, except
    that memory and processes are handed down to groups below its own where it may.
    """
    hierarchies = _mounted(mounts)
    rows = [line.split(":", 2) for line in own.splitlines()]
    groups = {name: row[2] for row in rows for name in row[1].split(",")}
    if "" in hierarchies and "" in groups:
        here = _own(hierarchies[""], groups[""])
        if _has(here + "/cgroup.controllers"):
            return [Place(_delegated(here), ("memory.max", "memory.swap.max"), "pids.max", "memory.events")]
    if not {"memory", "pids"} <= hierarchies.keys() & groups.keys():
        raise OSError(errno.ENOENT, "no control groups with the controllers memory and pids are mounted")
    memory, pids = (_own(hierarchies[each], groups[each]) for each in ("memory", "pids"))
    files = ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")
    return [Place(memory, files, "", "memory.oom_control"), Place(pids, (), "pids.max", "")]


def _delegated(here: str) -> str:
    """Find a folder whose groups have both controllers: this process's own, or the one above it."""
    with contextlib.suppress(OSError):
        # Refused while there are processes in it, except in the root of all.
        _write(here + "/cgroup.subtree_control", "+memory +pids")
    for folder in (here, os.path.dirname(here)):  # noqa: PTH120
        if _has(folder + "/cgroup.subtree_control") and os.access(folder, os.W_OK):
            return folder
    why = "memory and pids are not delegated: run in a group below `systemd-run --user --scope -p Delegate=yes`"
    raise PermissionError(errno.EACCES, why)


def _write(path: str, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


class Groups:
    """The groups of one zygote."""

    def __init__(self, places: list[Place]) -> None:
        """Make a group at each place, which is held until this process ends; raise `OSError` where that is refused."""
        self._places = places
        self._name = NAME + os.urandom(8).hex()
        self._held: list[int] = []
        try:
            for place in places:
                os.mkdir(self._top(place))  # noqa: PTH102
                held = os.open(self._top(place), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                self._held.append(held)
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if place.memory and place.pids:
                    _write(self._top(place) + "/cgroup.subtree_control", "+memory +pids")
        except OSError:
            self.close()
            raise

    def _top(self, place: Place) -> str:
        return f"{place.folder}/{self._name}"

    def add(self, box: int, memory: int, processes: int) -> int:
        """Make the group of a box; give the descriptor that tells who was killed for want of memory."""
        events = -1
        for place in self._places:
            folder = f"{self._top(place)}/{box}"
            os.makedirs(folder, exist_ok=True)  # noqa: PTH103
            for position, name in enumerate(place.memory):
                if position == 0 or os.path.exists(f"{folder}/{name}"):  # noqa: PTH110
                    # Version 1 bounds memory and swap together, version 2 swap alone.
                    allowed = 0 if name == "memory.swap.max" else memory + _SLACK
                    _write(f"{folder}/{name}", str(allowed))
            if place.pids:
                _write(f"{folder}/{place.pids}", str(processes))
            if place.events:
                events = os.open(f"{folder}/{place.events}", os.O_RDONLY | os.O_CLOEXEC)
        return events

    def enter(self, box: int, pid: int) -> None:
        """Move a process into the group of a box, before it starts others."""
        for place in self._places:
            _write(f"{self._top(place)}/{box}/cgroup.procs", str(pid))

    def remove(self, box: int) -> bool:
        """Remove the group of a box; whether it is gone."""
        left = [place for place in self._places if not _removed(f"{self._top(place)}/{box}")]
        return not left

    def close(self) -> None:
        """End what is in these groups and remove them."""
        for place in self._places:
            _clear(self._top(place))
        for held in self._held:
            os.close(held)
        self._held.clear()


def kills(events: int) -> int:
    """Count the processes of a group that were killed for want of memory."""
    for line in os.pread(events, 4096, 0).decode().splitlines():
        name, _, count = line.partition(" ")
        if name == "oom_kill":
            return int(count)
    return 0


def _removed(folder: str) -> bool:
    try:
        os.rmdir(folder)  # noqa: PTH106
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _below(folder: str) -> list[str]:
    try:
        return [entry.path for entry in os.scandir(folder) if entry.is_dir(follow_symlinks=False)]
    except OSError:
        return []


def _end(folder: str) -> None:
    with contextlib.suppress(OSError), open(folder + "/cgroup.procs") as file:  # noqa: PTH123
        for pid in map(int, file.read().split()):
            # Zero is a process of another namespace; as a target it would be everybody around this one.
            if pid > 1 and pid != os.getpid():
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)


def _clear(top: str) -> bool:
    """End the processes of a group and of those below it, and remove them; whether they are gone."""
    until = time.monotonic() + _PATIENCE
    while True:
        for folder in (*_below(top), top):
            _end(folder)
        # Every one is tried: a group can be empty while its neighbour is not.
        if not [folder for folder in (*_below(top), top) if not _removed(folder)]:
            return True
        if time.monotonic() > until:
            return False
        time.sleep(0.005)


def sweep(places: list[Place]) -> int:
    """Remove groups that no zygote holds any more, with what is left in them; say how many there were."""
    swept = 0
    for place in places:
        for top in _below(place.folder):
            if os.path.basename(top).startswith(NAME):  # noqa: PTH119
                swept += _swept(top)
    return swept


def _swept(top: str) -> bool:
    try:
        held = os.open(top, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    else:
        return _clear(top)
    finally:
        os.close(held)


def here() -> list[Place]:
    """Find where this process can make groups; raise `OSError` saying why not."""
    with open("/proc/self/mountinfo") as mounts, open("/proc/self/cgroup") as own:  # noqa: PTH123
        return find(mounts.read(), own.read())
