"""Rows: the places that W6 measures, by name. Light: the report imports it."""

from dataclasses import dataclass

from remit.core.programs import Tier


@dataclass(frozen=True, slots=True)
class Row:
    """One place to run programs."""

    name: str
    title: str
    tier: Tier | None = None
    """Of ours; `None` for a peer."""
    packages: tuple[str, ...] = ()
    """What its program uses, and its boxes have loaded."""
    solves: bool = False
    """Whether all of HumanEval must pass there: it has all of Python."""


ROWS = (
    Row("bare_python", "`python -c`, held by nothing"),
    Row("interpreter", "Monty (T0)", "interpreter"),
    Row("wasm", "WASM CPython (T1)", "wasm", solves=True),
    Row("native", "native (T2)", "native", solves=True),
    Row("native_pandas", "native (T2), with pandas", "native", ("pandas",)),
    Row("bubblewrap", "bubblewrap (T2b)", "bubblewrap"),
    Row("container", "container (T3)", "container"),
    Row("microvm", "microVM (T4)", "microvm"),
    Row("bwrap", "raw `bwrap python -c`"),
    Row("smolagents", "smolagents' local executor, in this process"),
    Row("pyodide", "Pyodide under node"),
)
BY_NAME = {row.name: row for row in ROWS}

METHOD = """\
W6 runs one small program (with pandas: a sum over a frame of three rows) and checks its value. *Cold* is from a driver
just made to its first value, *fresh* a box opened, used once and closed, *warm* a program in a box that is open; runs a
second are eight at once, for as many boxes. What is built or compiled once a machine is built before. CPU is that of
the measuring process and of all processes below it, from /proc, so containers, which live below their engine, show
little of theirs. The ratio is CPU of a fresh box against `python -c` in the same process of the bench."""
