"""Report: docs/benchmarks.md out of the records. `python -m benchmarks.report` remakes it from build/bench.jsonl."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from benchmarks.goals import GOALS
from benchmarks.launch import PAGE, RECORDS
from benchmarks.record import Figures, read
from benchmarks.sandboxes.rows import METHOD as BOXED
from benchmarks.serving.rows import LIGHT, RATES, WHOLE
from benchmarks.serving.rows import METHOD as SERVED
from benchmarks.workflow.problems import ABSENT, HOW_TO
from benchmarks.workflow.words import simulated
from benchmarks.workloads import CLIENTS, PLACES, SERVERS, SOLVING, SYSTEMS, WAYS, System, ideal_seconds
from benchmarks.world import STEP_BYTES

COMMAND = "make bench"
MISSING = "-"
NOISY = 10.0
"""Per cent of its time that a server of W8 may wait for its core before the page warns."""

METHOD = f"""\
Every cell is the median of up to three processes, run in turn (A B C, A B C) on the same machine, so that noise from
outside hits all systems alike; a case longer than ten seconds is run once, one longer than its limit is stopped and
shown as such. All systems get the same scripted model, which costs nothing and decides from the length of its history
what to do next, and the same tool, about {STEP_BYTES} B of payload a step. The harness counts the tool's calls at the
tool's side and checks the answer: a system that skips work gives no figure. CPU is that of the whole process, all
threads; each process runs a small session first, so that imports and caches are not measured. Sizes on disk are taken
at rest, the store closed, less those of a store which holds the warm-up alone. Each peer is set up as its documentation
says, in the fastest way we found that keeps its progress after every step: LangGraph with its SQLite saver and
durability "sync" (in memory: with its saver in memory, and without any saver); Pydantic AI plain in memory, durable by
`DBOSDurability` with the tool as a DBOS step, on SQLite; Agno with its SQLite database and a checkpoint after each
batch of tools. On PostgreSQL all share one server on the same machine, as it comes (every commit is on disk before it
is confirmed); each has databases of its own, CPU a step is that of the runtime's process, *server's* that of PostgreSQL
with all its processes, and sizes are those of the whole database. LangGraph has its PostgreSQL saver over a pool of 20
connections, DBOS its system database. They were written for other ends and do other things well; a two-second model
hides most of these figures in a single session, a thousand sessions do not. W5 is the CPU of the client's process
alone, for a streamed call over loopback HTTP to a server in another process, which reads no request and gives all the
same short stream. The row of the bare socket sends the same bytes, written before, and reads nothing of the answer: no
client can cost less. The history has one tool call with 260 B of result a step; each measured call is the first after
one more step, as in a session. The official packages are given plain dicts and keep their defaults, but for retries,
which are off. The workloads are ours; the code is in `benchmarks/`, corrections are welcome.

{BOXED}

{SERVED}"""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table: a figure at a size."""

    title: str
    n: int
    metric: str
    compared: bool = True
    """Whether a ratio to Remit's figure makes sense."""


@dataclass(frozen=True, slots=True)
class Table:
    """One table: a workload in one store, a row for each system."""

    title: str
    workload: str
    store: str
    columns: tuple[Column, ...]
    rows: tuple[System, ...] = SYSTEMS
    note: Callable[[Figures], str] = lambda figures: ""
    """What must be known to read it."""


def w1(title: str, store: str, extra: tuple[Column, ...]) -> Table:
    """Return a table of W1: CPU a step at each size, and what else is of interest."""
    sizes = tuple(Column(f"CPU µs a step, N={n}", n, "cpu_us_step") for n in (10, 100, 300))
    return Table(title, "W1", store, (*sizes, Column("wall µs a step, N=300", 300, "wall_us_step"), *extra))


def w2(title: str, store: str) -> Table:
    """Return a table of W2."""
    columns = [
        Column(f"{name}, {n}", n, metric)
        for n in (200, 1000)
        for name, metric in (("wall s", "wall_s"), ("CPU s", "cpu_s"), ("peak KB a session", "rss_kb_session"))
    ]
    if store == "postgres":
        columns += [
            Column("server's CPU µs a step, 1000", 1000, "server_us_step"),
            Column("steps a second, 1000", 1000, "steps_s", compared=False),
            Column("commits a step, 1000", 1000, "fsyncs_step", compared=False),
        ]
    return Table(title, "W2", store, tuple(columns))


def w5(title: str, wire: str) -> Table:
    """Return a table of W5: CPU of one call at each length of the history."""
    sizes = tuple(Column(f"CPU µs a call, N={n}", n, "cpu_us_call") for n in (1, 100, 300))
    return Table(title, "W5", wire, (*sizes, Column("wall µs a call, N=300", 300, "wall_us_call")), CLIENTS)


def explained(figures: Figures) -> str:
    """Return what the workflow table is and is not."""
    if figures.text("workflow", "reference", "humaneval", 1, "error") == ABSENT:
        return HOW_TO

    def count(metric: str) -> str:
        value = figures.value("workflow", "reference", "humaneval", 1, metric)
        return "?" if value is None else f"{value:.0f}"

    return simulated(count)


SERVED_COLUMNS = (
    Column("server's CPU µs a step, N=300", 300, "server_us_step"),
    Column("disk B a step, N=300", 300, "bytes_step"),
    Column("commits a step, N=300", 300, "fsyncs_step", compared=False),
)
W4_COLUMNS = (
    Column("KB a session", 1000, "rss_kb_session", compared=False),
    Column("disk B a session", 1000, "db_bytes_session"),
    Column("idle CPU ms a s", 1000, "idle_cpu_ms", compared=False),
    Column("restart ms, 100", 100, "restart_ms"),
    Column("restart ms, 1000", 1000, "restart_ms"),
    Column("resume of 300 steps, CPU ms", 1000, "resume_cpu_ms"),
)
W3_COLUMNS = (
    Column("import ms", 1, "import_ms"),
    Column("import MB", 1, "import_rss_mb"),
    Column("`--help` ms", 1, "help_ms", compared=False),
    Column("`--help` MB", 1, "help_rss_mb", compared=False),
)
DISK = (
    Column("disk B a step, N=300", 300, "bytes_step"),
    Column("fsyncs a step, N=300", 300, "fsyncs_step", compared=False),
)
WAY_COLUMNS = (
    Column("passed %", 1, "passed", compared=False),
    Column("from %", 1, "low", compared=False),
    Column("to %", 1, "high", compared=False),
    Column("model calls a problem", 1, "calls", compared=False),
    Column("runs for feedback a problem", 1, "checks", compared=False),
)
BOX_COLUMNS = (
    Column("cold ms", 1, "cold_ms", compared=False),
    Column("fresh box, ms", 1, "fresh_ms", compared=False),
    Column("fresh box, CPU ms", 1, "fresh_cpu_ms", compared=False),
    Column("times `python -c`, CPU", 1, "ratio", compared=False),
    Column("warm ms", 1, "warm_ms", compared=False),
    Column("warm CPU ms", 1, "warm_cpu_ms", compared=False),
    Column("runs a second, open boxes", 1, "runs_s", compared=False),
    Column("runs a second, fresh boxes", 1, "fresh_s", compared=False),
)
SOLVED_COLUMNS = (
    Column("problems", 1, "problems", compared=False),
    Column("reference solutions that pass", 1, "passed", compared=False),
    Column("planted bad programs", 1, "planted", compared=False),
    Column("of them contained", 1, "contained", compared=False),
    Column("seconds in all", 1, "seconds", compared=False),
)


def noise(figures: Figures, n: int) -> str:
    """Return a warning when a server had to share its core."""
    values = (figures.value("W8", server.name, "streams", n, "waited") for server in SERVERS)
    most = max((value for value in values if value is not None), default=0.0)
    if most < NOISY:
        return ""
    return (
        f"**The machine was not quiet**: a server could have run for up to {most:.0f} % of the time while its core did "
        "something else, and that was not the same for all: see *waited for its core* in the next table. Latencies and "
        "rates are worse than they need be and compare servers only roughly. CPU a message moves as well, down where "
        "work piles up and is done together."
    )


def w8(title: str, n: int) -> Table:
    """Return a table of W8: what a server's readers see, and what it costs."""
    columns = (
        Column("done %", n, "done", compared=False),
        Column("done a second", n, "done_s", compared=False),
        Column("first event ms, p50", n, "first_p50"),
        Column("p95", n, "first_p95"),
        Column("p99", n, "first_p99"),
        Column("first text ms, p95", n, "text_p95"),
        Column("text delay ms, p50", n, "delay_p50", compared=False),
        Column("p95", n, "delay_p95", compared=False),
        Column("errors", n, "errors", compared=False),
        Column("streams that missed or repeated", n, "wrong", compared=False),
        Column("highest rate, messages a second", n, "highest", compared=False),
    )
    return Table(title, "W8", "streams", columns, SERVERS, lambda figures: noise(figures, n))


def w8_cost(title: str, n: int) -> Table:
    """Return the other half of that."""
    columns = (
        Column("CPU % of its core", n, "cpu", compared=False),
        Column("CPU ms a message", n, "cpu_ms"),
        Column("idle CPU %", n, "idle_cpu", compared=False),
        Column("MB at rest", n, "rest_mb"),
        Column("KB a stream", n, "kb_stream"),
        Column("MB after the load", n, "loaded_mb"),
        Column("waited for its core %", n, "waited", compared=False),
        Column("driver: CPU %", n, "driver_cpu", compared=False),
        Column("late ms, p99", n, "driver_lag", compared=False),
    )
    return Table(title, "W8", "streams", columns, SERVERS)


INTERPRETER = System("python", "(python alone)", (), ())

TABLES = (
    w1("W1: one session calls a tool N times, in memory", "memory", ()),
    w1("W1: the same, durable on SQLite", "sqlite", DISK),
    w1("W1: the same, durable on PostgreSQL", "postgres", SERVED_COLUMNS),
    w2(
        f"W2: 200 and 1000 sessions of 10 steps at once, model 50 ms (ideal {ideal_seconds():.2f} s), in memory",
        "memory",
    ),
    w2("W2: the same, durable on SQLite", "sqlite"),
    w2("W2: the same, durable on PostgreSQL", "postgres"),
    Table("W3: import, in a fresh process", "W3", "none", W3_COLUMNS, (INTERPRETER, *SYSTEMS)),
    Table("W4: 1000 sessions wait for an approval, on SQLite", "W4", "sqlite", W4_COLUMNS),
    w5("W5: one provider call after a history of N steps, OpenAI chat completions", "chat"),
    w5("W5: the same, OpenAI Responses", "responses"),
    w5("W5: the same, Anthropic messages", "messages"),
    Table("W6: a small program in a box", "W6", "box", BOX_COLUMNS, PLACES),
    Table("W7: HumanEval in boxes", "W7", "tier", SOLVED_COLUMNS, SOLVING),
    w8(f"W8: {WHOLE:,} event streams and {RATES[WHOLE]:g} messages a second on one core", WHOLE),
    w8_cost("W8: what that costs", WHOLE),
    w8(f"W8: light, {LIGHT} event streams and {RATES[LIGHT]:g} messages a second", LIGHT),
    w8_cost("W8: what that costs, light", LIGHT),
    Table("Ways of working, on a simulated model", "workflow", "humaneval", WAY_COLUMNS, WAYS, explained),
)


def number(value: float) -> str:
    """Return a figure with three digits that mean something."""
    if abs(value) >= 1e5:
        return f"{value / 1e3:,.0f} K"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def cell(figures: Figures, table: Table, column: Column, system: System) -> str:
    """Return one figure, with its ratio to Remit's in brackets, or why it is missing."""
    at = (table.workload, system.name, table.store, column.n)
    value = figures.value(*at, column.metric)
    if value is None:
        return figures.text(*at, "error") or MISSING
    ours = figures.value(table.workload, "remit", table.store, column.n, column.metric)
    if not column.compared or system.name in ("remit", "python") or not ours:
        return number(value)
    ratio = value / ours
    return f"{number(value)} ({ratio:,.0f}x)" if ratio >= 10 else f"{number(value)} ({ratio:.1f}x)"


def row(cells: Sequence[str]) -> str:
    """Return one row of a table."""
    return f"| {' | '.join(cells)} |"


def said_once(cells: Iterable[str]) -> Iterator[str]:
    """Yield a row's cells; the reason why figures are missing stands in the first of them only."""
    seen: set[str] = set()
    for each in cells:
        yield MISSING if each in seen else each
        if not each[0].isdigit() and each[0] != "-":
            seen.add(each)


def taken(figures: Figures, table: Table, column: Column, rows: Sequence[System]) -> bool:
    """Return whether any system has a figure for a column, or an error in its place."""
    for system in rows:
        at = (table.workload, system.name, table.store, column.n)
        if figures.value(*at, column.metric) is not None or figures.text(*at, "error"):
            return True
    return False


def rendered(figures: Figures, table: Table) -> Iterator[str]:
    """Yield the lines of one table; columns that nobody has a figure for are left out, and rows without any."""
    rows = [system for system in table.rows if system is INTERPRETER or table.store in ("none", *system.stores)]
    if table.store == "none":
        rows = [system for system in rows if system is INTERPRETER or system.imports]
    columns = [column for column in table.columns if taken(figures, table, column, rows)]
    rows = [system for system in rows if any(taken(figures, table, column, [system]) for column in columns)]
    if not columns:
        return
    yield from (f"### {table.title}", "")
    if note := table.note(figures):
        yield from (note, "")
    yield row(["", *(column.title for column in columns)])
    yield row(["---", *("---:" for _ in columns)])
    for system in rows:
        yield row([system.title, *said_once(cell(figures, table, column, system) for column in columns)])
    yield ""


def goals(figures: Figures, *, whole: bool) -> Iterator[str]:
    """Yield the goals beside what was measured; of a part of the bench only those."""
    yield from (row(["goal", "measured", "bar", "met"]), row(["---", "---:", "---:", "---"]))
    for goal in GOALS:
        measured = goal.measure(figures)
        if measured is None and whole:
            yield row([goal.text, "not measured", "", ""])
        elif measured is not None:
            shown = (f"{measured.figure:.3g} {measured.unit}".strip(), f"{measured.bar:.3g} {measured.unit}".strip())
            yield row([goal.text, *shown, "yes" if measured.met else "**no**"])


def setting(figures: Figures) -> Iterator[str]:
    """Yield what the figures were taken with."""
    measured = {record.system for record in figures.records if record.workload != "setting"}
    for name, title in (
        ("machine", "Machine"),
        *{system.name: system.title for system in (*SYSTEMS, *CLIENTS)}.items(),
    ):
        said = figures.text("setting", name, "none", 0, "version")
        if said and (name == "machine" or name in measured):
            yield f"- {title}: {said}"


def page(figures: Figures, command: str = COMMAND) -> str:
    """Return the whole page, or that of the part which a command measured."""
    whole = command == COMMAND
    lines = [
        "# Benchmarks",
        "",
        f"Made by `{command}`, which measures all systems in one run; do not edit. In brackets: times Remit's figure.",
        "",
        *("## Goals", "", *goals(figures, whole=whole), ""),
        *("## Figures", ""),
    ]
    for table in TABLES:
        lines.extend(rendered(figures, table))
    part = "\n\n".join(said for of, said in {"W6": BOXED, "W8": SERVED}.items() if figures.has(of))
    method = METHOD if figures.has("W1") or whole else part or BOXED
    lines.extend(("## Method", "", method, "", "## Setting", "", *setting(figures), ""))
    return "\n".join(lines)


def main() -> None:
    """Remake the page from the last run's records."""
    PAGE.write_text(page(Figures(read(RECORDS))))


if __name__ == "__main__":
    main()
