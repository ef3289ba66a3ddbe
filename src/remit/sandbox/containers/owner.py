"""Owners of containers, told by labels, so that what a dead process has left is found and removed."""

import os
from collections.abc import Mapping
from pathlib import Path

LABEL = "remit.sandbox"


def _place() -> str:
    """Name the set of process ids that this process is in."""
    try:
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return "elsewhere"


def _began(pid: int) -> str:
    """Say when a process began, in ticks since the machine did; nothing when there is none."""
    try:
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if state in "ZX" else fields[18]


def labels() -> dict[str, str]:
    """Say whose a container is: this process's."""
    pid = os.getpid()
    return {LABEL: "1", f"{LABEL}.place": _place(), f"{LABEL}.pid": str(pid), f"{LABEL}.began": _began(pid)}


def orphaned(found: Mapping[str, str]) -> bool:
    """Whether the owner by these labels is known to be gone; of another machine's nothing is known."""
    place, pid = found.get(f"{LABEL}.place"), found.get(f"{LABEL}.pid", "")
    if place != _place() or place == "elsewhere" or not pid.isdecimal():
        return False
    return _began(int(pid)) != found.get(f"{LABEL}.began")
