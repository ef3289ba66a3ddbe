"""Plan: what is measured of a fleet, how large, and in which order; and what is kept of it."""

import asyncio
import json
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path

from benchmarks.fleet import counting, failing, flowing, sharing, waiting
from benchmarks.fleet.yard import Site
from benchmarks.launch import HERE
from benchmarks.measure import Figures

RECORDS = HERE / "build" / "fleet.json"
CREWS = (1, 2, 4)
LENGTH, SHORT = 20, 2
"""Steps of a session; of short ones, whose cost says what a session costs beside its steps."""
SHARES = {"light": 0.0, "quarter": 0.25, "half": 0.5, "heavy": 0.75}
"""Of the throughput that was measured: the loads under which messages wait for their first step; light is a few."""
LIGHT = 5.0
"""Messages a second."""

PARTS = ("flow", "start", "pick", "lines", "slow", "kill", "fair", "storm", "wait")

LIMIT, LONG = 120.0, 300.0
"""Seconds after which one measurement is given up; the others are taken all the same."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large everything is."""

    repeats: int = 3
    sessions: int = 800
    seconds: float = 6.0
    picked: int = 400
    slow: int = 1000
    kills: int = 3
    lost: int = 300
    backlog: int = 1000
    fair: float = 12.0
    waiting: int = 100_000
    real: int = 4000
    idle: float = 20.0
    storm: int = 1000
    crews: tuple[int, ...] = CREWS


QUICK = Sizes(
    repeats=1, sessions=200, seconds=4.0, picked=150, slow=200, kills=1, lost=100, backlog=300, fair=5.0, waiting=5000,
    real=500, idle=5.0, storm=200, crews=(1, 2),
)  # fmt: skip


@dataclass(slots=True)
class Found:
    """All figures of a run, by what was done: `flow/2/20` is that of two workers with sessions of twenty steps."""

    sizes: Sizes
    figures: dict[str, Figures] = field(default_factory=dict[str, Figures])
    spread: dict[str, tuple[float, float]] = field(default_factory=dict[str, "tuple[float, float]"])
    """The lowest and highest `steps_s` of the repeats."""
    errors: dict[str, str] = field(default_factory=dict[str, str])
    setting: dict[str, str] = field(default_factory=dict[str, str])
    loads: list[float] = field(default_factory=list[float])

    def get(self, name: str, metric: str) -> float | None:
        """Give a figure, if there is one."""
        return self.figures.get(name, {}).get(metric)

    def save(self, path: Path = RECORDS) -> None:
        """Write everything down."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=1))

    @classmethod
    def read(cls, path: Path = RECORDS) -> "Found":
        """Read what `save` wrote."""
        told = json.loads(path.read_text())
        sizes = told.pop("sizes")
        return cls(Sizes(**(sizes | {"crews": tuple(sizes["crews"])})), **told)


def setting() -> dict[str, str]:
    """Say what the figures are taken with."""
    return {
        "day": time.strftime("%Y-%m-%d"),
        "machine": f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()}",
        "remit": version("remit"),
        "asyncpg": version("asyncpg"),
        "procrastinate": version("procrastinate"),
    }


Work = Coroutine[None, None, Figures]


def median(taken: Sequence[Figures]) -> Figures:
    """Give the median of every figure."""
    names = dict.fromkeys(name for figures in taken for name in figures)
    return {
        name: statistics.median(known) if (known := [v for one in taken if (v := one.get(name)) is not None]) else None
        for name in names
    }


def take(found: Found, name: str, work: Work, limit: float = LIMIT) -> Figures | None:
    """Do one thing and say what came of it; what fails or takes too long is written down, and the rest goes on."""
    found.errors.pop(name, None)
    began = time.monotonic()
    print(f"{time.strftime('%H:%M:%S')} {name}", end=" ", file=sys.stderr, flush=True)
    try:
        figures = asyncio.run(asyncio.wait_for(work, limit))
    except Exception as error:  # noqa: BLE001 - it goes into the report
        first = next(_leaves(error))
        why = f"took more than {limit:g} s" if time.monotonic() - began >= limit else f"{type(first).__name__}: {first}"
        found.errors[name] = why[:200]
        print(found.errors[name], file=sys.stderr)
        return None
    said = ", ".join(f"{key} {value:.4g}" for key, value in figures.items() if value is not None)
    print(f"({time.monotonic() - began:.0f} s) {said}", file=sys.stderr, flush=True)
    return figures


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            yield from _leaves(inner)  # pyright: ignore[reportUnknownArgumentType]
    else:
        yield error


def measured(site: Site, sizes: Sizes, parts: Sequence[str], command: str, begun: Found | None = None) -> Found:
    """Take all figures that are asked for, beside those of a run that was begun; what there is is saved after each."""
    found = begun or Found(sizes, setting=setting() | {"command": command})
    found.loads.append(os.getloadavg()[0])
    acts: dict[str, Callable[[Found, Site], None]] = {
        "flow": _flow, "start": _start, "pick": _pick, "lines": _lines, "slow": _slow, "kill": _kill, "fair": _fair,
        "storm": _storm, "wait": _wait,
    }  # fmt: skip
    for part in PARTS:
        if part in parts:
            acts[part](found, site)
            found.loads.append(os.getloadavg()[0])
            found.save()
    return found


def _one(found: Found, name: str, work: Work, limit: float = LIMIT) -> None:
    figures = take(found, name, work, limit)
    if figures is not None:
        found.figures[name] = figures
    found.save()


def _flow(found: Found, site: Site) -> None:
    """Crews of every size take turns, so that noise hits all alike."""
    sizes, taken = found.sizes, dict[str, list[Figures]]()
    for _ in range(sizes.repeats):
        for crew in sizes.crews:
            for length in (LENGTH, SHORT):
                name = f"flow/{crew}/{length}"
                figures = take(found, name, flowing.throughput(site, crew, sizes.sessions, length))
                if figures is not None:
                    taken.setdefault(name, []).append(figures)
                    found.figures[name] = median(taken[name])
                    rates = [rate for one in taken[name] if (rate := one["steps_s"]) is not None]
                    found.spread[name] = (min(rates), max(rates))
                    found.save()


def _start(found: Found, site: Site) -> None:
    for crew in found.sizes.crews:
        most = found.get(f"flow/{crew}/{LENGTH}", "steps_s")
        for load, share in SHARES.items():
            if share and most is None:
                continue
            rate = share * (most or 0.0) / LENGTH if share else LIGHT
            _one(found, f"start/{crew}/{load}", flowing.beginning(site, crew, rate, found.sizes.seconds, LENGTH))


def _pick(found: Found, site: Site) -> None:
    for crew in found.sizes.crews:
        _one(found, f"pick/{crew}", counting.picking(site, crew, found.sizes.picked))


def _lines(found: Found, site: Site) -> None:
    _one(found, "lines", counting.connected(site, found.sizes.picked))


def _slow(found: Found, site: Site) -> None:
    _one(found, "slow/2", flowing.slowly(site, 2, found.sizes.slow, LENGTH))


def _kill(found: Found, site: Site) -> None:
    kills: list[Figures] = []
    for _ in range(found.sizes.kills):
        figures = take(found, "kill/2", failing.killed(site, 2, found.sizes.lost, 60))
        if figures is None:
            continue
        kills.append(figures)
        found.figures["kill/2"] = median(kills) | {
            "worst_first_s": max(one["first_s"] or 0.0 for one in kills),
            "worst_last_s": max(one["last_s"] or 0.0 for one in kills),
            "kills": float(len(kills)),
        }
        found.save()


def _fair(found: Found, site: Site) -> None:
    sizes = found.sizes
    for name, setup in sharing.SETUPS.items():
        work = sharing.shared(site, setup, sizes.backlog, sizes.fair, LIMIT - 2 * sizes.fair)
        _one(found, f"fair/{name}", work)


def _storm(found: Found, site: Site) -> None:
    for crew in found.sizes.crews:
        _one(found, f"storm/{crew}", waiting.storm(site, crew, found.sizes.storm))


def _wait(found: Found, site: Site) -> None:
    sizes = found.sizes
    work = waiting.asleep(site, 2, (sizes.waiting, sizes.real), sizes.idle)
    _one(found, "wait/2", work, LONG)
