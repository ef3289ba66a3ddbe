"""Processes found by their parents, and held on to, to wait for their end."""

import os
import select
from collections.abc import Callable
from pathlib import Path


def children(parent: int) -> list[int]:
    """List the processes that a process has made and that have not ended."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, above = (entry / "stat").read_text().rsplit(")", 1)[1].split()[:2]
            except OSError:
                continue
            if int(above) == parent and state != "Z":
                found.append(int(entry.name))
    return found


def below(parent: int) -> list[int]:
    """List a process's descendants."""
    return [pid for child in children(parent) for pid in (child, *below(child))]


def ends(pid: int) -> Callable[[float], bool]:
    """Hold on to a process, to wait for its end later."""
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return lambda _seconds: True

    def ended(seconds: float) -> bool:
        poll = select.poll()
        poll.register(handle, select.POLLIN)
        try:
            return bool(poll.poll(seconds * 1000))
        finally:
            os.close(handle)

    return ended
