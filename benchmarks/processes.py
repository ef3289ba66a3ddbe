"""Processes: what the kernel tells of other processes, for figures that are taken from outside."""

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def tree(root: int) -> dict[int, list[str]]:
    """Return the fields of /proc/PID/stat behind the name, of a process and of all below it."""
    stats: dict[int, list[str]] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                stats[int(folder.name)] = (folder / "stat").read_text().rpartition(")")[2].split()
    found = {root: stats[root]} if root in stats else {}
    grown = True
    while grown:
        below = {pid: stat for pid, stat in stats.items() if int(stat[1]) in found and pid not in found}
        found |= below
        grown = bool(below)
    return found


@dataclass(frozen=True, slots=True)
class Weighed:
    """Processes of this machine and all below them, as the kernel sees them."""

    pids: Sequence[int]

    def cpu(self) -> float:
        """Return the seconds of CPU they have taken: of the living to the nanosecond, of those that ended in ticks."""
        return sum(_cpu(pid, stat) for root in self.pids for pid, stat in tree(root).items())

    def memory(self) -> float:
        """Return their memory in MB, each page once (of a kernel that tells)."""
        return sum(_share(pid) for root in self.pids for pid in tree(root)) / 1024


def _cpu(pid: int, stat: list[str]) -> float:
    ended = sum(map(int, stat[13:15])) / TICK
    ticks = sum(map(int, stat[11:13])) / TICK
    tasks = list(Path(f"/proc/{pid}/task").glob("*")) if len(stat) > 17 and int(stat[17]) > 1 else []
    if tasks:
        # What threads took that are gone is in the ticks only.
        return ended + max(ticks, sum(_ran(task) for task in tasks))
    return ended + (_ran(Path(f"/proc/{pid}")) or ticks)


def _ran(place: Path) -> float:
    try:
        return int((place / "schedstat").read_text().split()[0]) / 1e9
    except (OSError, IndexError):
        return 0.0


def _share(pid: int) -> float:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return float(line.split()[1])
    return 0.0
