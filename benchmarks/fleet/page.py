"""Page: docs/benchmarks-of-the-fleet.md. `python -m benchmarks.fleet.page` remakes it from what the last run left."""

import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.fleet.agents import SECONDS
from benchmarks.fleet.constants import MissingError, compared, costs, split
from benchmarks.fleet.plan import LENGTH, LIGHT, SHARES, SHORT, Found
from benchmarks.fleet.sharing import LENGTH as NOISY_LENGTH
from benchmarks.fleet.sharing import LONG, RATE, SLOTS
from benchmarks.fleet.tenants import CAP
from benchmarks.launch import HERE
from benchmarks.record import Figures, read
from benchmarks.report import SERVED_COLUMNS, rendered, w1, w2
from benchmarks.report import row as line

PAGE = HERE / "docs" / "benchmarks-of-the-fleet.md"
PEERS = HERE / "build" / "fleet-beside.jsonl"
"""W1 and W2 of the last run."""
COMMAND = "python -m benchmarks.fleet"
_QUIET = 15.0
"""Per cent of a core that other programs may take before the page warns."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A figure and what it should be."""

    text: str
    figure: float | None
    bar: float
    unit: str
    least: bool = False
    """Whether more is better."""

    @property
    def met(self) -> bool:
        """Whether it is as it should be."""
        return self.figure is not None and (self.figure >= self.bar if self.least else self.figure <= self.bar)


def goals(found: Found, peers: Figures) -> list[Goal]:
    """Give the goals of the fleet with what was measured."""
    many = max(found.sizes.crews)
    best = [(rate, crew) for crew in found.sizes.crews if (rate := found.get(f"flow/{crew}/{LENGTH}", "steps_s"))]
    alone = [peers.value("W1", "remit", "postgres", n, "cpu_us_step") for n in (10, 100, 300)]
    known = [value for value in alone if value is not None]
    idle = _beyond(found, "worker_ms_s"), _beyond(found, "server_ms_s")
    return [
        Goal("CPU of the process a durable step, a session alone (W1, any N)", max(known, default=None), 200, "µs"),
        Goal("the same, 1000 sessions at once (W2)", peers.value("W2", "remit", "postgres", 1000, "cpu_us_step"), 200,
             "µs"),
        Goal(f"CPU of a worker a durable step, with the queue, sessions of {LENGTH} steps",
             found.get(f"flow/1/{LENGTH}", "worker_us_step"), 200, "µs"),
        Goal("the same without what a session costs by itself", _alone(found, "worker_us_step"), math.inf, "µs"),
        Goal("beside it, of PostgreSQL", found.get(f"flow/1/{LENGTH}", "server_us_step"), math.inf, "µs"),
        Goal("the same without what a session costs by itself", _alone(found, "server_us_step"), math.inf, "µs"),
        Goal("durable steps a second with PostgreSQL beside, best number of workers",
             max(best)[0] if best else None, 5000, "/s", least=True),
        Goal("from a message to its first step, p95, light", _worst(found, "light"), 50, "ms"),
        Goal("the same at half of the throughput", _worst(found, "half"), 50, "ms"),
        Goal("from `kill -9` to the first event by another worker, worst kill", found.get("kill/2", "worst_first_s"),
             5, "s"),
        Goal("the same to the last session of the dead, worst kill", found.get("kill/2", "worst_last_s"), 5, "s"),
        Goal("a quiet tenant's message to its first step beside a backlog, longest; slots are left",
             found.get("fair/cpu", "max"), math.inf, "ms"),
        Goal(f"{_waiting(found):,} sessions wait: CPU of a worker more than over an empty database", idle[0], 1,
             "ms a s"),
        Goal("the same of PostgreSQL", idle[1], 1, "ms a s"),
        Goal("on disk beyond the bytes of their journals", found.get("wait/2", "beyond_bytes"), 3000, "B a session"),
        Goal(f"{found.sizes.storm:,} approvals at once: all have gone on, {many} workers",
             found.get(f"storm/{many}", "all_s"), math.inf, "s"),
    ]  # fmt: skip


def _alone(found: Found, metric: str) -> float | None:
    try:
        return split(found, metric)[0]
    except MissingError:
        return None


def _waiting(found: Found) -> int:
    return round(found.get("wait/2", "waiting") or found.sizes.waiting)


def _worst(found: Found, load: str) -> float | None:
    taken = [value for crew in found.sizes.crews if (value := found.get(f"start/{crew}/{load}", "p95")) is not None]
    return max(taken, default=None)


def _beyond(found: Found, metric: str) -> float | None:
    full, empty = found.get("wait/2", metric), found.get("wait/2", f"empty_{metric}")
    return None if full is None or empty is None else max(0.0, full - empty)


def page(found: Found, peers: Figures, command: str = COMMAND) -> str:
    """Write the page."""
    setting, loads = found.setting, ", ".join(f"{load:.1f}" for load in found.loads)
    lines = [
        "# Benchmarks of the fleet",
        "",
        f"Made by `{command}`; do not edit. `remit worker` processes, PostgreSQL and the driver share one machine: "
        f"{setting['machine']}. Measured on {setting['day']} with remit {setting['remit']}, asyncpg "
        f"{setting['asyncpg']} and procrastinate {setting['procrastinate']}; the load (running processes, over a "
        f"minute) was {loads} at the beginning, in the middle and at the end.",
        "",
        *_noise(found),
        "## Goals",
        "",
        line(["goal", "measured", "bar", "met"]),
        line(["---", "---:", "---:", "---"]),
        *map(_goal, goals(found, peers)),
        "",
        *_beside(peers),
        *_throughput(found),
        *_starts(found),
        *_others(found),
        *_fair(found),
        *_asleep(found),
        *_prediction(found),
        *_failed(found),
        "## How it is measured",
        "",
        METHOD,
        "",
    ]
    return "\n".join(lines)


def _goal(goal: Goal) -> str:
    if goal.figure is None:
        return line([goal.text, "not measured", _bar(goal), ""])
    met = "" if math.isinf(goal.bar) else "yes" if goal.met else "**no**"
    return line([goal.text, f"{_short(goal.figure)} {goal.unit}", _bar(goal), met])


def _bar(goal: Goal) -> str:
    return "none" if math.isinf(goal.bar) else f"{'≥' if goal.least else '≤'} {_short(goal.bar)} {goal.unit}"


def _short(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _noise(found: Found) -> Iterator[str]:
    others = [value for name in found.figures if (value := found.get(name, "others")) is not None]
    if others and max(others) > _QUIET:
        yield (
            f"**The machine was not quiet**: other programs took up to {max(others):.0f} % of a core while something "
            "was measured (see *others*). Rates are lower and waits longer than they need be."
        )
        yield ""


def _beside(peers: Figures) -> Iterator[str]:
    if not peers.has("W1"):
        return
    yield from ("## One process beside its peers", "")
    yield "W1 and W2 of [the benchmarks](benchmarks.md) on one PostgreSQL. In brackets: times Remit's figure."
    yield ""
    yield from rendered(peers, w1("W1: one session calls a tool N times", "postgres", SERVED_COLUMNS))
    yield from rendered(peers, w2("W2: sessions of 10 steps at once, model 50 ms", "postgres"))


def _table(heads: Sequence[str], rows: Iterable[tuple[str, Sequence[float | None]]]) -> Iterator[str]:
    yield line(heads)
    yield line(["---", *("---:" for _ in heads[1:])])
    for name, values in rows:
        yield line([name, *map(_short, values)])
    yield ""


def _rows(
    found: Found, names: Sequence[tuple[str, str]], metrics: Sequence[str]
) -> Iterator[tuple[str, list[float | None]]]:
    for title, name in names:
        if name in found.figures:
            yield title, [found.get(name, metric) for metric in metrics]


def _throughput(found: Found) -> Iterator[str]:
    yield from ("## Throughput", "")
    yield (
        f"{found.sizes.sessions:,} sessions are begun as fast as they can be; the model answers at once. Medians of "
        f"{found.sizes.repeats}, with the lowest and the highest rate. CPU has all that a step takes, the queue's part "
        "too."
    )
    yield ""
    heads = ("workers, steps of a session", "steps a second", "lowest", "highest", "worker's CPU µs a step",
             "PostgreSQL's CPU µs a step", "disk B a step", "driver µs a session", "others, % of a core")  # fmt: skip
    rows: list[tuple[str, list[float | None]]] = []
    for length in (LENGTH, SHORT):
        for crew in found.sizes.crews:
            name = f"flow/{crew}/{length}"
            low, high = found.spread.get(name, (None, None))
            values = [
                found.get(name, metric)
                for metric in ("worker_us_step", "server_us_step", "bytes_step", "driver_us_session", "others")
            ]
            if name in found.figures:
                rows.append((f"{crew}, {length}", [found.get(name, "steps_s"), low, high, *values]))
    yield from _table(heads, rows)


def _starts(found: Found) -> Iterator[str]:
    yield from ("## From a message to its first step", "")
    shares = ", ".join(f"*{load}* {share:.0%} of the throughput above" for load, share in SHARES.items() if share)
    yield f"Messages come at a steady rate, each to a new session: *light* is {LIGHT:g} a second, {shares}."
    yield ""
    heads = ("workers, load", "messages a second", "p50 ms", "p95 ms", "p99 ms", "cores busy", "others, % of a core")
    names = [(f"{crew}, {load}", f"start/{crew}/{load}") for load in SHARES for crew in found.sizes.crews]
    yield from _table(heads, _rows(found, names, ("rate", "p50", "p95", "p99", "cores", "others")))


def _others(found: Found) -> Iterator[str]:
    yield from (f"## A model that takes {SECONDS * 1e3:.0f} ms", "")
    alone = (LENGTH + 1) * SECONDS
    yield f"{found.sizes.slow:,} sessions of {LENGTH} steps at once, two workers; a session alone takes {alone:.1f} s."
    yield ""
    yield from _table(
        ("workers", "wall s", "steps a second", "under way", "KB of memory a session", "MB of a worker at rest",
         "others, % of a core"),
        _rows(found, [("2", "slow/2")], ("wall_s", "steps_s", "in_flight", "kb_session", "rest_mb", "others")),
    )  # fmt: skip
    yield from ("## A worker is killed", "")
    yield "One of two, with `kill -9`, in the middle of its sessions; medians of the kills, from the kill on."
    yield ""
    yield from _table(
        ("workers", "kills", "sessions it had", "first goes on, s", "p50 s", "p95 s", "last s", "worst first", "last"),
        _rows(found, [("2", "kill/2")], ("kills", "lost", "first_s", "p50_s", "p95_s", "last_s", "worst_first_s",
                                         "worst_last_s")),
    )  # fmt: skip


def _fair(found: Found) -> Iterator[str]:
    yield from ("## A quiet tenant beside a noisy one", "")
    yield (
        f"Two workers; one tenant has {found.sizes.backlog:,} sessions begun at once, another sends {RATE:g} message "
        f"a second, each to a new session. *Busy cores*: sessions of {LONG} steps whose model takes no time. "
        f"*Full slots*: each worker drives {SLOTS} sessions at once, and the noisy ones, of {NOISY_LENGTH} steps with "
        f"a model that takes {SECONDS * 1e3:.0f} ms, hold all of them. *First come*: the same with both tenants being "
        f"one. *Capped*: full slots, with `Tenant.sessions` of {CAP} for the noisy one."
    )
    yield ""
    titles = {
        "idle": "quiet alone", "cpu": "busy cores", "cpu-one": "busy cores, first come", "slots": "full slots",
        "slots-one": "full slots, first come", "capped": "capped",
    }  # fmt: skip
    heads = ("", "messages", "p50 ms", "p95 ms", "longest ms", "noisy runs at once, most seen", "looks",
             "others, % of a core")  # fmt: skip
    names = [(title, f"fair/{name}") for name, title in titles.items()]
    yield from _table(heads, _rows(found, names, ("messages", "p50", "p95", "max", "most", "looks", "others")))
    yield FAIR
    yield ""


def _asleep(found: Found) -> Iterator[str]:
    yield from (f"## {_waiting(found):,} sessions wait for an approval", "")
    yield (
        f"Bytes a session on disk, of {found.sizes.real:,} that were brought there step by step; CPU in ms a second of "
        "each of two workers and of PostgreSQL, when these rows have been copied until there are all."
    )
    yield ""
    yield from _table(
        ("", "all", "journal", "beyond it", "of it: table of journals", "list of sessions", "accounts", "queue"),
        _rows(found, [("bytes", "wait/2")], ("bytes", "journal_bytes", "beyond_bytes", "batches_bytes",
                                             "sessions_bytes", "accounts_bytes", "queue_bytes")),
    )  # fmt: skip
    yield from _table(
        ("", "a worker", "over an empty database", "PostgreSQL", "over an empty database", "MB of a worker",
         "over an empty database", "others, % of a core"),
        _rows(found, [("meanwhile", "wait/2")], ("worker_ms_s", "empty_worker_ms_s", "server_ms_s", "empty_server_ms_s",
                                                 "memory_mb", "empty_memory_mb", "others")),
    )  # fmt: skip
    yield from (f"## {found.sizes.storm:,} approvals at once", "")
    yield "*Goes on*: from its approval to the first event of the worker that took it up."
    yield ""
    yield from _table(
        ("workers", "all granted, s", "all have gone on, s", "goes on p50 ms", "p95 ms", "workers' CPU µs each",
         "PostgreSQL's", "others, % of a core"),
        _rows(found, [(f"{crew}", f"storm/{crew}") for crew in found.sizes.crews],
              ("granted_s", "all_s", "p50_ms", "p95_ms", "worker_us", "server_us", "others")),
    )  # fmt: skip


def _prediction(found: Found) -> Iterator[str]:
    yield from ("## What `remit simulate` would have said", "")
    try:
        lines = compared(found, costs(found), os.cpu_count() or 1)
    except MissingError as error:
        yield from (f"Not compared: {error}.", "")
        return
    yield (
        "The costs of a step and of a session with one worker, and the first step of one worker under the light "
        "load, are put in; all else is predicted for this machine, whose cores workers, PostgreSQL and the driver "
        "share, less what other programs took meanwhile. So the lines of one worker's throughput and light load say "
        "no more than how well the arithmetic fits where it was taken. Where other programs took much no wait is "
        "predicted well: they would have taken less had the fleet wanted more. In brackets: what bounds the "
        "throughput. The formulas are in [plan capacity](how-to/plan-capacity.md). Where the last column is not "
        "near 1 the arithmetic is wrong by so much: it is meant to be right within 1.5 times for throughput, and "
        "within twice for waits below 75 % load, on a quiet machine."
    )
    yield ""
    yield from _table(
        ("taken from a full queue, workers", "ms from one to the next, for each worker", "others, % of a core"),
        _rows(found, [(f"{crew}", f"pick/{crew}") for crew in found.sizes.crews], ("pick_ms", "others")),
    )
    yield from _table(
        (
            "connections of",
            "a worker with nothing to do",
            "with much",
            "a replica of the API",
            "ms to confirm a commit",
        ),
        _rows(found, [("to PostgreSQL", "lines")], ("worker_idle", "worker_busy", "replica", "sync_ms")),
    )
    rows = ((f"{one.what}, {one.unit}", (one.predicted, one.measured, one.ratio)) for one in lines)
    yield from _table(("", "predicted", "measured", "predicted / measured"), rows)


def _failed(found: Found) -> Iterator[str]:
    if found.errors:
        yield from ("## Not measured", "", *(f"- `{name}`: {why}" for name, why in found.errors.items()), "")


FAIR = f"""\
What bounds the wait: a job of the quiet tenant comes before all but a few of the noisy ones that wait, so it is the
next that any worker takes once it has a slot and has taken up the session it is at. From there on its steps share
the worker's core with the sessions under way there, each of which has a turn. Where slots are left that is all: by
the order of the queue what waits does not count, only what is under way. Where long sessions hold every slot of
every worker, it first waits until one of them ends or waits for somebody: up to the length of a session
({(NOISY_LENGTH + 1) * SECONDS:.1f} s here when all begin together), and with sessions of hours, hours. Slots are
not kept free for anybody. So keep `Tenant.sessions` of every tenant below the slots of the fleet (workers times
`--sessions`, 1,000 a worker when nothing is said): then a noisy tenant cannot hold them all, and the wait is that
of *capped*."""

METHOD = f"""\
PostgreSQL runs as it comes, on the disk of the checkout: every commit is on disk before it is confirmed. The workers
are `remit worker` processes with three agents, which have all guards and limits of a default agent; each session calls
one tool, about 300 B a step. The driver begins sessions through its own connection and looks at their journals when all
is over, so it takes no part meanwhile but for what it begins; times are those of the journal, which has whole
milliseconds, and of the driver, on one clock. A *step* is a tool's outcome that is durable. Rates leave out the first
and the last tenth of the steps, when not all workers are busy. *First step*: the intent to ask the model is durable.
CPU is what the kernel counts for the processes, to the nanosecond where it tells. *Others* is CPU of the machine that
neither the workers nor PostgreSQL nor the driver took. *Beyond its journal* is all that the database grew by, less the
bytes of events; indexes, row heads and empty room in pages are in it. Every journal is checked: a session without its
answer, or with another number of steps, gives no figure. Costs of a step and of a session are told apart by sessions
of {LENGTH} and of {SHORT} steps. The code is in `benchmarks/fleet/`."""


def main() -> None:
    """Remake the page."""
    found = Found.read()
    PAGE.write_text(page(found, Figures(read(PEERS) if PEERS.exists() else []), found.setting["command"]))


if __name__ == "__main__":
    main()
