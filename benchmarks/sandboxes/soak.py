"""Soak: many runs over all tiers of this machine, some of them attacks, and a look at what is left afterwards.

`python -m benchmarks.sandboxes.soak --runs 20000` prints a verdict and ends with 1 when something leaks. Linux only:
it reads /proc, and takes in orphans so that none hides.
"""

import argparse
import asyncio
import contextlib
import ctypes
import gc
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.sandboxes.humaneval import PLANTED, Planted
from benchmarks.sandboxes.places import MissingError, driver
from remit.core.errors import RemitError
from remit.core.programs import TIERS, Bounds, Result, SandboxPolicy, Tier
from remit.core.values import JsonObject, JsonValue
from remit.sandbox.pool import Pool, Terms

WEIGHTS: dict[Tier, int] = {
    "interpreter": 700,
    "wasm": 150,
    "native": 130,
    "bubblewrap": 14,
    "container": 4,
    "microvm": 2,
}
"""Of a thousand runs: slow tiers get fewer."""
BOUNDS = Bounds(wall=0.4, cpu=0.4, memory=256_000_000, output=100_000, disk=4_000_000, files=50)
"""Of attacks; honest programs have the usual ones."""
AT_ONCE = 8
GROWTH_MB = 48.0
"""What this process may grow by from a tenth of the way to the end: heaps are not compacted."""
PR_SET_CHILD_SUBREAPER = 36
CODE = "import math\nfound = add(n, 7)\nprint('seen', found)\nmath.floor(found * 2)"

ATTACKS = (
    *PLANTED,
    Planted("leaves files", "for n in range(40):\n    open(f'/scratch/{n}', 'w').write('x' * n)\nwhile 1: pass"),
    Planted("leaves a process", "import os, time\nif os.fork() == 0:\n    time.sleep(99)\nwhile 1: pass"),
    Planted("keeps descriptors", "import os\nheld = []\nwhile True:\n    held.append(os.open('/', 0))"),
    Planted("starts threads", "import threading as t\nwhile 1:\n    t.Thread(target=t.Event().wait, args=[9]).start()"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What this process holds of the machine."""

    processes: int
    descriptors: int
    mounts: int
    """Those with our name: others may mount things meanwhile."""
    temporary: int
    disk: int
    """Bytes below the folder for temporary files."""


@dataclass
class Report:
    """What came of a soak."""

    runs: Counter[str] = field(default_factory=Counter[str])
    statuses: Counter[str] = field(default_factory=Counter[str])
    wrong: list[str] = field(default_factory=list[str])
    """Runs that gave a wrong value, attacks that got through."""
    leaks: list[str] = field(default_factory=list[str])
    skipped: dict[str, str] = field(default_factory=dict[str, str])
    kills: int = 0
    seconds: float = 0.0
    grown_mb: float = 0.0

    @property
    def good(self) -> bool:
        """Return whether nothing was wrong and nothing is left."""
        return not self.wrong and not self.leaks

    def lines(self) -> Iterator[str]:
        """Yield what it says."""
        for tier, why in self.skipped.items():
            yield f"skipped {tier}: {why}"
        yield f"runs: {dict(self.runs)} in {self.seconds:.0f} s, {self.kills} kills"
        yield f"ended: {dict(self.statuses)}"
        yield f"this process grew by {self.grown_mb:.1f} MB"
        yield from (f"wrong: {line}" for line in self.wrong[:20])
        yield from (f"leak: {line}" for line in self.leaks)
        yield "verdict: nothing leaks, nothing got out" if self.good else "verdict: FAILED"


def below(process: int) -> list[int]:
    """Find all living processes below one."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            with contextlib.suppress(OSError):
                state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
                if state != "Z":
                    children[int(parent)].append(int(folder.name))
    found: list[int] = []
    waiting = [process]
    while waiting:
        more = children[waiting.pop()]
        found += more
        waiting += more
    return found


def snapshot(folder: Path) -> Snapshot:
    """Look."""
    gc.collect()
    files = list(folder.rglob("*"))
    sizes: list[int] = []
    for path in files:
        with contextlib.suppress(OSError):
            sizes.append(path.lstat().st_size)
    return Snapshot(
        processes=len(below(os.getpid())),
        descriptors=len(os.listdir("/proc/self/fd")),  # noqa: PTH208 - a listing, whose own descriptor counts each time
        mounts=sum("remit" in line for line in Path("/proc/self/mountinfo").read_text().splitlines()),
        temporary=len(files),
        disk=sum(sizes),
    )


def resident_mb() -> float:
    """Return the resident memory of this process."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def adopt() -> None:
    """Become the parent of orphans below, so that they are seen."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


@contextlib.contextmanager
def temporary() -> Generator[Path]:
    """Have all temporary files in one folder."""
    before = os.environ.get("TMPDIR")
    with tempfile.TemporaryDirectory(prefix="remit-soak-") as folder:
        os.environ["TMPDIR"], tempfile.tempdir = folder, None
        try:
            yield Path(folder)
        finally:
            tempfile.tempdir = None
            if before is None:
                del os.environ["TMPDIR"]
            else:
                os.environ["TMPDIR"] = before


class Soak:
    """Runs programs over fleets of all tiers that are here."""

    def __init__(self, *, runs: int, attacks: float, kills: float, seed: int, tiers: tuple[Tier, ...]) -> None:
        """Run so many; `attacks` and `kills` are parts of them."""
        self._runs, self._attacks, self._kills = runs, attacks, kills
        self._chance = random.Random(seed)
        self._tiers = tiers
        self._pools: dict[Tier, Pool] = {}
        self._done = 0
        self.report = Report()

    async def run(self, folder: Path) -> Report:
        """Run them all; look before, at a tenth, and after."""
        # What libraries make once a process, such as the loop of one, is no leak.
        await self._open()
        await self._drive(list(self._pools))
        for pool in self._pools.values():
            await pool.close()
        start, before, early = time.perf_counter(), snapshot(folder), 0.0
        await self._open()
        try:
            plan = iter(self._plan())
            await self._drive([next(plan) for _ in range(self._runs // 10)])
            early = resident_mb()
            await self._drive(list(plan))
            self.report.grown_mb = resident_mb() - early
            await self._recovered()
        finally:
            for pool in self._pools.values():
                await pool.close()
        self._compare(before, await self._settled(folder, before))
        self.report.seconds = time.perf_counter() - start
        return self.report

    async def _open(self) -> None:
        terms = Terms(boxes=AT_ONCE, tenant=AT_ONCE, wait=600.0)
        for tier in self._tiers:
            try:
                self._pools[tier] = Pool(await asyncio.to_thread(driver, tier), terms)
            except MissingError as error:
                self.report.skipped[tier] = str(error)[:200]

    def _plan(self) -> list[Tier]:
        tiers = list(self._pools)
        weights = [WEIGHTS[tier] for tier in tiers]
        return self._chance.choices(tiers, weights, k=self._runs)

    async def _drive(self, tiers: list[Tier]) -> None:
        plan = iter(tiers)

        async def lane(number: int) -> None:
            for tier in plan:
                await self._one(tier, f"tenant {number % 3}")

        await asyncio.gather(*(lane(number) for number in range(AT_ONCE)))

    async def _one(self, tier: Tier, tenant: str) -> None:
        self.report.runs[tier] += 1
        attack = self._chance.choice(ATTACKS) if self._chance.random() < self._attacks else None
        number = self._chance.randrange(1_000_000)
        if self._chance.random() < self._kills:
            asyncio.get_running_loop().call_later(self._chance.random() / 50, self._strike)
        policy = SandboxPolicy(least=tier, bounds=BOUNDS if attack else Bounds())
        try:
            box = await self._pools[tier].open(policy, tenant=tenant)
        except (RemitError, OSError) as error:
            if not self._kills:
                self.report.wrong.append(f"{tier}: no box: {error}")
            self.report.statuses["no box"] += 1
            return
        try:
            inputs: JsonObject = {"n": number, "secret": "/etc/passwd"}
            code = attack.program if attack else CODE
            tools = {} if attack else {"add": ("a", "b")}
            result = await box.run(code, inputs=inputs, tools=tools, bridge=_add)
        except (RemitError, OSError) as error:
            if not self._kills:
                self.report.wrong.append(f"{tier}: {attack.name if attack else 'honest'}: {error}")
            self.report.statuses["broken"] += 1
            return
        finally:
            await box.close()
        self._judge(tier, attack, number, result)

    def _judge(self, tier: Tier, attack: Planted | None, number: int, result: Result) -> None:
        self.report.statuses[f"attack {result.status}" if attack else result.status] += 1
        said = f"{tier}: {attack.name if attack else 'honest'}: {result.status} {result.why} {result.error[-100:]}"
        if attack is not None:
            reads = "reads" in attack.name
            if "root:x:0" in f"{result.value}{result.printed}" or (result.status == "ok" and not reads):
                self.report.wrong.append(said)
            return
        right = (result.value, result.printed) == ((number + 7) * 2, f"seen {number + 7}\n")
        if (result.status == "ok" and not right) or (result.status != "ok" and not self._kills):
            self.report.wrong.append(said)

    def _strike(self) -> None:
        """Kill any process below."""
        living = below(os.getpid())
        if living:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(self._chance.choice(living), signal.SIGKILL)
                self.report.kills += 1

    async def _recovered(self) -> None:
        """See that every tier still runs programs, whatever was killed."""
        kills, self._kills = self._kills, 0.0
        for tier in self._pools:
            tries = 20 if kills else 1
            for left in reversed(range(tries)):
                seen = len(self.report.wrong)
                attacks, self._attacks = self._attacks, 0.0
                await self._one(tier, "last")
                self._attacks = attacks
                if len(self.report.wrong) == seen:
                    break
                if left:
                    del self.report.wrong[seen:]

    async def _settled(self, folder: Path, before: Snapshot) -> Snapshot:
        """Look again, until what ends by itself has ended; at most for some seconds."""
        after = snapshot(folder)
        for _ in range(50):
            reap()
            after = snapshot(folder)
            if all(now <= then for now, then in _pairs(before, after)):
                break
            await asyncio.sleep(0.1)
        return after

    def _compare(self, before: Snapshot, after: Snapshot) -> None:
        for name in ("processes", "descriptors", "mounts", "temporary", "disk"):
            then, now = getattr(before, name), getattr(after, name)
            if now > then:
                self.report.leaks.append(f"{name}: {then} before, {now} after")
        if self.report.grown_mb > GROWTH_MB:
            self.report.leaks.append(f"memory: this process grew by {self.report.grown_mb:.0f} MB")


def reap() -> None:
    """Wait for orphans that were taken in."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _pairs(before: Snapshot, after: Snapshot) -> Iterator[tuple[int, int]]:
    for name in ("processes", "descriptors", "mounts", "temporary", "disk"):
        yield getattr(after, name), getattr(before, name)


async def _add(name: str, args: JsonObject) -> JsonValue:
    first, second = args["a"], args["b"]
    assert isinstance(first, int)
    assert isinstance(second, int)
    return first + second


def soaked(*, runs: int, attacks: float, kills: float, seed: int, tiers: tuple[Tier, ...] = TIERS[1:]) -> Report:
    """Run a soak in this process, which must have no children of its own."""
    adopt()
    with temporary() as folder:
        soak = Soak(runs=runs, attacks=attacks, kills=kills, seed=seed, tiers=tiers)
        return asyncio.run(soak.run(folder))


def main() -> None:
    """Soak as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sandboxes.soak")
    parser.add_argument("--runs", type=int, default=20_000)
    parser.add_argument("--attacks", type=float, default=0.05, help="the part of runs that are attacks")
    parser.add_argument("--kills", type=float, default=0.0, help="the part of runs in which some process is killed")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--tiers", default="", help=f"comma separated, of {','.join(TIERS[1:])}; else all")
    given = parser.parse_args()
    tiers: tuple[Tier, ...] = tuple(tier for tier in TIERS[1:] if not given.tiers or tier in given.tiers.split(","))
    report = soaked(runs=given.runs, attacks=given.attacks, kills=given.kills, seed=given.seed, tiers=tiers)
    print("\n".join(report.lines()), flush=True)
    sys.exit(not report.good)


if __name__ == "__main__":
    main()
