"""Measure: the one ruler. Takes the figures of W1, W2 and W4 on any `Rig`, and proves that the work was done."""

import asyncio
import gc
import os
import resource
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fleet.postgres import made, server, stored_bytes
from benchmarks.rig import OpenRig, Place, Rig
from benchmarks.workloads import HELD_STEPS, LONG_STEPS, MODEL_SECONDS, SESSION_STEPS
from benchmarks.world import WORLD, answer

Figures = dict[str, float | None]

WARM_STEPS = 5
IDLE_SECONDS = 3.0
LONG_SESSIONS = 3
STATUS = Path("/proc/self/status")


class WrongWorkError(Exception):
    """The runtime did not do what was measured, so its figures mean nothing."""


@dataclass(frozen=True, slots=True)
class Stopwatch:
    """Wall and CPU time of the whole process, all threads, since it was made."""

    wall: float
    cpu: float

    @classmethod
    def started(cls) -> "Stopwatch":
        """Return a watch that runs from now, after the garbage of what came before is gone."""
        gc.collect()
        return cls(time.perf_counter(), time.process_time())

    def read(self) -> tuple[float, float]:
        """Return the seconds of wall and of CPU since the start."""
        return time.perf_counter() - self.wall, time.process_time() - self.cpu


def memory_kb(field: str) -> float:
    """Return `VmRSS` or `VmHWM` of this process in KB; where /proc is missing, the peak for both."""
    if STATUS.exists():
        for line in STATUS.read_text().splitlines():
            if line.startswith(f"{field}:"):
                return float(line.split()[1])
    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def forget_peak() -> None:
    """Let `VmHWM` start anew from the present, where the kernel allows it."""
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        clear.write_text("5")


def disk_bytes(place: Path | str) -> int:
    """Return the size of all files under a folder, or of a database."""
    if isinstance(place, str):
        return stored_bytes(place)
    return sum(path.stat().st_size for path in place.rglob("*") if path.is_file())


def inside(place: Place, name: str) -> Place:
    """Return a new folder of that name, a new database, or `None` for a store in memory."""
    if isinstance(place, str):
        return made(place, f"{os.getpid()}_{name}")
    if place is not None:
        place /= name
        place.mkdir(parents=True)
    return place


def served_cpu(place: Place) -> float | None:
    """Return the seconds of CPU that the database server of a place has taken; `None` where there is none."""
    return server(place).cpu() if isinstance(place, str) else None


def spent(before: float | None, after: float | None, steps: int) -> Figures:
    """Return what the database server took a step."""
    return {} if before is None or after is None else {"server_us_step": (after - before) / steps * 1e6}


async def driven(rig: Rig, session: str, steps: int) -> None:
    """Run one session and check its answer; the callers check the tools' counter."""
    said = await rig.run(session, steps)
    if said != answer(steps):
        raise WrongWorkError(f"session {session!r} answered {said!r}, not {answer(steps)!r}")


def expect(lookups: int, payments: int = 0) -> None:
    """Check how often the tools ran since the counters were last cleared, and clear them."""
    done = (WORLD.lookups, WORLD.payments)
    WORLD.lookups = WORLD.payments = 0
    if done != (lookups, payments):
        raise WrongWorkError(f"tools ran {done} times (lookup, pay), not {(lookups, payments)}")


async def warmed(open_rig: OpenRig, where: Place) -> Place:
    """Run one tiny session in a store of its own, so that imports and caches are not measured; return its place."""
    place = inside(where, "warm")
    async with open_rig(place) as rig:
        await driven(rig, "warm", WARM_STEPS)
    expect(lookups=WARM_STEPS)
    return place


async def tool_loop(open_rig: OpenRig, steps: int, where: Place) -> Figures:
    """W1: one session calls one tool `steps` times."""
    warm = await warmed(open_rig, where)
    place = inside(where, "main")
    async with open_rig(place) as rig:
        await driven(rig, "warm", WARM_STEPS)
        synced, served = rig.fsyncs(), served_cpu(place)
        watch = Stopwatch.started()
        await driven(rig, "main", steps)
        wall, cpu = watch.read()
        syncs, taken = rig.fsyncs(), spent(served, served_cpu(place), steps)
    expect(lookups=WARM_STEPS + steps)
    figures: Figures = {"cpu_us_step": cpu / steps * 1e6, "wall_us_step": wall / steps * 1e6, **taken}
    if place is not None and warm is not None:
        # Both stores hold the same warm-up session and are closed: the difference is the measured session at rest.
        figures["bytes_step"] = (disk_bytes(place) - disk_bytes(warm)) / steps
        figures["fsyncs_step"] = None if syncs is None or synced is None else (syncs - synced) / steps
    return figures


async def concurrent(open_rig: OpenRig, sessions: int, where: Place) -> Figures:
    """W2: many sessions at once, each waiting for a slow model most of its time."""
    await warmed(open_rig, where)
    place, steps = inside(where, "main"), sessions * SESSION_STEPS
    async with open_rig(place) as rig:
        await driven(rig, "warm", WARM_STEPS)
        WORLD.seconds = MODEL_SECONDS
        synced, served = rig.fsyncs(), served_cpu(place)
        watch = Stopwatch.started()
        forget_peak()
        before = memory_kb("VmRSS")
        await asyncio.gather(*(driven(rig, f"session-{i}", SESSION_STEPS) for i in range(sessions)))
        wall, cpu = watch.read()
        peak = memory_kb("VmHWM")
        syncs, taken = rig.fsyncs(), spent(served, served_cpu(place), steps)
    expect(lookups=WARM_STEPS + steps)
    figures: Figures = {"wall_s": wall, "cpu_s": cpu, "rss_kb_session": (peak - before) / sessions}
    figures |= {"cpu_us_step": cpu / steps * 1e6, "steps_s": steps / wall, **taken}
    if place is not None:
        figures["fsyncs_step"] = None if syncs is None or synced is None else (syncs - synced) / steps
    return figures


async def asleep(open_rig: OpenRig, sessions: int, folder: Path) -> Figures:
    """W4, first process: many sessions wait for an approval; what they cost meanwhile."""
    warm = await warmed(open_rig, folder)
    for number in range(LONG_SESSIONS):
        async with open_rig(inside(folder, f"long-{number}")) as rig:
            await rig.suspend("long", LONG_STEPS)
    expect(lookups=LONG_SESSIONS * LONG_STEPS)
    place = inside(folder, "main")
    assert isinstance(warm, Path)
    assert isinstance(place, Path)
    half = sessions // 2
    async with open_rig(place) as rig:
        await driven(rig, "warm", WARM_STEPS)
        await hold(rig, range(half))
        # The second half alone is weighed: caches that fill once are not a cost of each session.
        before = settled_kb()
        await hold(rig, range(half, sessions))
        figures: Figures = {"rss_kb_session": (settled_kb() - before) / (sessions - half)}
        watch = Stopwatch.started()
        await asyncio.sleep(IDLE_SECONDS)
        figures["idle_cpu_ms"] = watch.read()[1] / IDLE_SECONDS * 1e3
    expect(lookups=WARM_STEPS + sessions * HELD_STEPS)
    figures["db_bytes_session"] = (disk_bytes(place) - disk_bytes(warm)) / sessions
    return figures


def settled_kb() -> float:
    """Return the resident memory once the garbage is gone."""
    gc.collect()
    return memory_kb("VmRSS")


async def hold(rig: Rig, numbers: range) -> None:
    """Bring sessions to their approval, one after the other: company would add garbage to the weighing."""
    for number in numbers:
        await rig.suspend(f"session-{number}", HELD_STEPS)


async def awake(open_rig: OpenRig, folder: Path) -> Figures:
    """W4, second process, over the stores the first has left: what a restart costs, and the waking of one session."""
    warm = inside(folder, "again")
    assert isinstance(warm, Path)
    await warmed(open_rig, warm)
    costs = [await resumed(open_rig, folder / f"long-{number}", warm / "warm") for number in range(LONG_SESSIONS)]
    watch = Stopwatch.started()
    async with open_rig(folder / "main") as rig:
        await driven(rig, "after-restart", 1)
        wall = watch.read()[0]
    return {"resume_cpu_ms": statistics.median(costs) * 1e3, "restart_ms": wall * 1e3}


async def resumed(open_rig: OpenRig, place: Path, empty: Path) -> float:
    """Return the CPU seconds to bring one waiting session from its store to its answer."""
    watch = Stopwatch.started()
    async with open_rig(empty):
        pass
    opening = watch.read()[1]
    # A runtime may begin to recover as soon as it is open, so the opening is inside, and its bare cost is taken off.
    watch = Stopwatch.started()
    async with open_rig(place) as rig:
        said = await rig.approve("long")
    cost = watch.read()[1] - opening
    if said != answer(LONG_STEPS):
        raise WrongWorkError(f"the resumed session answered {said!r}")
    if WORLD.payments != 1:
        raise WrongWorkError(f"the approved tool ran {WORLD.payments} times")
    WORLD.payments = 0
    return cost
