"""Goals: what Remit's figures are held against, from the project's performance goals."""

from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.record import Figures
from benchmarks.serving.rows import LIGHT, WHOLE
from benchmarks.workloads import SYSTEMS, WIRES, ideal_seconds
from benchmarks.world import STEP_BYTES

DURABLE_PEERS = tuple(system.name for system in SYSTEMS if system.name != "remit" and "sqlite" in system.stores)
SHARED_PEERS = tuple(system.name for system in SYSTEMS if system.name != "remit" and "postgres" in system.stores)
LANGGRAPHS = ("langgraph", "langgraph_bare")
SIZES = (10, 100, 300)
IDLE_MS = 0.5
"""CPU ms a second that an interpreter with nothing to do may show; the clock's own noise."""
RESTART_GROWTH = 1.5
RESTART_SLACK_MS = 5.0


@dataclass(frozen=True, slots=True)
class Measured:
    """A goal's figure beside its bar."""

    figure: float
    bar: float
    unit: str

    @property
    def met(self) -> bool:
        """Return whether the figure is at most the bar."""
        return self.figure <= self.bar


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal: its words, and how it is measured; `None` where a figure for it is missing."""

    text: str
    measure: Callable[[Figures], Measured | None]


def worst(store: str, metric: str, bar: float, unit: str) -> Callable[[Figures], Measured | None]:
    """Return a goal on Remit's worst figure of W1 over all sizes."""

    def measured(figures: Figures) -> Measured | None:
        values = [figures.value("W1", "remit", store, n, metric) for n in SIZES]
        known = [value for value in values if value is not None]
        return Measured(max(known), bar, unit) if known else None

    return measured


def share(store: str, peers: tuple[str, ...], part: float) -> Callable[[Figures], Measured | None]:
    """Return a goal on Remit's CPU a step against the fastest of some peers, at the size where it is nearest."""

    def measured(figures: Figures) -> Measured | None:
        ratios: list[float] = []
        for n in SIZES:
            ours = figures.value("W1", "remit", store, n, "cpu_us_step")
            theirs = [figures.value("W1", peer, store, n, "cpu_us_step") for peer in peers]
            known = [value for value in theirs if value]
            if ours is not None and known:
                ratios.append(ours / min(known))
        return Measured(max(ratios), part, "x") if ratios else None

    return measured


def growth(store: str) -> Callable[[Figures], Measured | None]:
    """Return a goal on a step of the longest session against one of the shortest."""

    def measured(figures: Figures) -> Measured | None:
        short, long = (figures.value("W1", "remit", store, n, "cpu_us_step") for n in (SIZES[0], SIZES[-1]))
        return Measured(long / short, 1.2, "x") if short and long else None

    return measured


def single(at: tuple[str, str, int, str], bar: float, unit: str) -> Callable[[Figures], Measured | None]:
    """Return a goal on one figure of Remit, named by workload, store, size and metric."""

    def measured(figures: Figures) -> Measured | None:
        workload, store, n, metric = at
        value = figures.value(workload, "remit", store, n, metric)
        return None if value is None else Measured(value, bar, unit)

    return measured


def restart(figures: Figures) -> Measured | None:
    """Return the restart over 1000 waiting sessions, against that over 100."""
    few, many = (figures.value("W4", "remit", "sqlite", n, "restart_ms") for n in (100, 1000))
    if few is None or many is None:
        return None
    return Measured(many, max(few * RESTART_GROWTH, few + RESTART_SLACK_MS), "ms")


def dearest_call(figures: Figures) -> Measured | None:
    """Return Remit's dearest call of W5, over all wires and histories."""
    values = [figures.value("W5", "remit", wire, n, "cpu_us_call") for wire in WIRES for n in (1, 100, 300)]
    known = [value for value in values if value is not None]
    return Measured(max(known), 200, "µs") if known else None


def failing(way: str, bar: float) -> Callable[[Figures], Measured | None]:
    """Return a goal on the share of problems that a way of working fails."""

    def measured(figures: Figures) -> Measured | None:
        passed = figures.value("workflow", way, "humaneval", 1, "passed")
        return None if passed is None else Measured(100 - passed, bar, "%")

    return measured


def boxed(place: str, metric: str, bar: float) -> Callable[[Figures], Measured | None]:
    """Return a goal on the milliseconds of a program in a box."""

    def measured(figures: Figures) -> Measured | None:
        value = figures.value("W6", place, "box", 1, metric)
        return None if value is None else Measured(value, bar, "ms")

    return measured


def rate(place: str, metric: str, least: float) -> Callable[[Figures], Measured | None]:
    """Return a goal on runs a second, as the milliseconds between two of them."""

    def measured(figures: Figures) -> Measured | None:
        value = figures.value("W6", place, "box", 1, metric)
        return Measured(1000 / value, 1000 / least, "ms a run") if value else None

    return measured


def served(system: str, n: int, metric: str, bar: float, unit: str) -> Callable[[Figures], Measured | None]:
    """Return a goal on one figure of a server under W8."""

    def measured(figures: Figures) -> Measured | None:
        value = figures.value("W8", system, "streams", n, metric)
        return None if value is None else Measured(value, bar, unit)

    return measured


def unserved(system: str) -> Callable[[Figures], Measured | None]:
    """Return a goal on the share of messages that a server did not get done."""

    def measured(figures: Figures) -> Measured | None:
        done = figures.value("W8", system, "streams", WHOLE, "done")
        return None if done is None else Measured(100 - done, 0, "%")

    return measured


GOALS = (
    Goal("W1 in memory: at most 100 µs CPU a step, at any N", worst("memory", "cpu_us_step", 100, "µs")),
    Goal("W1 in memory: at most 1/9 of LangGraph, the faster of its two", share("memory", LANGGRAPHS, 1 / 9)),
    Goal("W1 in memory: below Agno", share("memory", ("agno",), 1.0)),
    Goal("W1 on SQLite: at most 150 µs CPU a step, at any N", worst("sqlite", "cpu_us_step", 150, "µs")),
    Goal("W1 on SQLite: at most 1/12 of the best durable peer", share("sqlite", DURABLE_PEERS, 1 / 12)),
    Goal("W1 on PostgreSQL: at most 200 µs CPU a step, at any N", worst("postgres", "cpu_us_step", 200, "µs")),
    Goal("W1 on PostgreSQL: at most 1/12 of the best durable peer", share("postgres", SHARED_PEERS, 1 / 12)),
    Goal("W1 in memory: step of N=300 at most 1.2x that of N=10", growth("memory")),
    Goal("W1 on SQLite: step of N=300 at most 1.2x that of N=10", growth("sqlite")),
    Goal(
        f"W1 on SQLite: at most 1.5x the payload of {STEP_BYTES} B a step on disk, at any N",
        worst("sqlite", "bytes_step", 1.5 * STEP_BYTES, "B"),
    ),
    Goal("W1 on SQLite: at most 1 fsync a step alone", worst("sqlite", "fsyncs_step", 1.0, "")),
    Goal(
        f"W2 with 1000 sessions on SQLite: wall at most 1.4x the ideal {ideal_seconds():.2f} s",
        single(("W2", "sqlite", 1000, "wall_s"), 1.4 * ideal_seconds(), "s"),
    ),
    Goal(
        "W2 with 1000 sessions on PostgreSQL: at most 200 µs CPU a step",
        single(("W2", "postgres", 1000, "cpu_us_step"), 200, "µs"),
    ),
    Goal(
        f"W2 with 1000 sessions on PostgreSQL: wall at most 1.4x the ideal {ideal_seconds():.2f} s",
        single(("W2", "postgres", 1000, "wall_s"), 1.4 * ideal_seconds(), "s"),
    ),
    Goal(
        "W2 with 1000 sessions on SQLite: at most 20 KB a session",
        single(("W2", "sqlite", 1000, "rss_kb_session"), 20, "KB"),
    ),
    Goal("W3: import of all that is public in at most 250 ms", single(("W3", "none", 1, "import_ms"), 250, "ms")),
    Goal("W3: import of all that is public in at most 40 MB", single(("W3", "none", 1, "import_rss_mb"), 40, "MB")),
    Goal(
        "W4: at most 2 KB of memory a suspended session",
        single(("W4", "sqlite", 1000, "rss_kb_session"), 2, "KB"),
    ),
    Goal(
        f"W4: no idle CPU (at most {IDLE_MS} ms a second)",
        single(("W4", "sqlite", 1000, "idle_cpu_ms"), IDLE_MS, "ms"),
    ),
    Goal("W4: a restart costs the same over 1000 waiting sessions as over 100", restart),
    Goal(
        "W4: resume of a session of 300 steps in at most 3 ms CPU",
        single(("W4", "sqlite", 1000, "resume_cpu_ms"), 3, "ms"),
    ),
    Goal("W5: at most 200 µs CPU a provider call, on any wire and at any length of the history", dearest_call),
    Goal(
        "Ways of working: `reflect` with execution feedback (every other test) fails at most 5 % of the problems",
        failing("reflect_half", 5),
    ),
    Goal("W6 Monty: at most 1 ms warm", boxed("interpreter", "warm_ms", 1)),
    Goal("W6 Monty: at least 5,000 runs a second", rate("interpreter", "runs_s", 5000)),
    Goal("W6 WASM: at most 5 ms in a fresh instance", boxed("wasm", "fresh_ms", 5)),
    Goal("W6 native: at most 2 ms in an open box", boxed("native", "warm_ms", 2)),
    Goal("W6 native: at most 20 ms in a fresh box", boxed("native", "fresh_ms", 20)),
    Goal("W6 native: at least 80 runs a second in fresh boxes", rate("native", "fresh_s", 80)),
    Goal("W6 native with pandas: at least 40 runs a second in fresh boxes", rate("native_pandas", "fresh_s", 40)),
    Goal("W6 bubblewrap: at most 60 ms in a fresh box", boxed("bubblewrap", "fresh_ms", 60)),
    Goal("W6 microVM: at most 250 ms in a fresh box", boxed("microvm", "fresh_ms", 250)),
    Goal("W8, durability `process`: every message is done", unserved("remit")),
    Goal("W8, durability `power`: every message is done", unserved("remit_power")),
    Goal("W8: no stream misses or repeats an event", served("remit", WHOLE, "wrong", 0, "streams")),
    Goal(
        "W8, durability `power`: no stream misses or repeats an event",
        served("remit_power", WHOLE, "wrong", 0, "streams"),
    ),
    Goal("W8: text streams within 20 ms of the model's, p95, light", served("remit", LIGHT, "delay_p95", 20, "ms")),
    Goal("W8: the same under the load", served("remit", WHOLE, "delay_p95", 20, "ms")),
)
