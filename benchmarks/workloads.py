"""Workloads: which figures are taken of whom, at which sizes, in which store."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from benchmarks.sandboxes.rows import ROWS as BOXES
from benchmarks.serving.rows import LIGHT, WHOLE
from benchmarks.serving.rows import ROWS as SERVED
from benchmarks.workflow.rows import ROWS

Workload = Literal["W1", "W2", "W3", "W4", "W5", "W6", "W7", "W8", "workflow"]
Store = Literal[
    "memory", "sqlite", "postgres", "none", "chat", "responses", "messages", "box", "tier", "streams", "humaneval"
]
"""What a workload runs over: a store; for W5 a provider's wire, for the workflow table a set of problems."""

WIRES: tuple[Store, ...] = ("chat", "responses", "messages")

SESSION_STEPS = 10
"""Steps of each session of W2."""
MODEL_SECONDS = 0.050
"""How long the model of W2 lets wait; a session of ten steps asks it eleven times."""
HELD_STEPS = 1
"""Steps a session of W4 takes before it waits for its approval."""
LONG_STEPS = 300
"""Steps behind the session whose resumption W4 measures."""


@dataclass(frozen=True)
class System:
    """What is measured: a runtime in `benchmarks.systems`, a client in `benchmarks.wires`, or a way of working."""

    name: str
    title: str
    packages: tuple[str, ...]
    imports: tuple[str, ...]
    """What W3 imports: each statement in a process of its own."""
    stores: frozenset[Store] = frozenset({"memory", "sqlite"})


@dataclass(frozen=True)
class Case:
    """One cell of the plan: a workload at one size in one store."""

    workload: Workload
    store: Store
    n: int


_ALL: frozenset[Store] = frozenset({"memory", "sqlite", "postgres"})

SYSTEMS = (
    System("remit", "Remit", ("remit", "asyncpg"), ("from remit import *",), _ALL),
    System(
        "langgraph",
        "LangGraph",
        ("langgraph", "langgraph-checkpoint-sqlite", "langgraph-checkpoint-postgres"),
        ("import langgraph.graph, langgraph.prebuilt, langgraph.checkpoint.sqlite.aio",),
        _ALL,
    ),
    System("langgraph_bare", "LangGraph, no saver", ("langgraph",), (), frozenset({"memory"})),
    System(
        "pydantic_ai_dbos",
        "Pydantic AI + DBOS",
        ("pydantic-ai-slim", "dbos"),
        ("import pydantic_ai, pydantic_ai.durable_exec.dbos",),
        _ALL,
    ),
    System(
        "agno",
        "Agno",
        ("agno", "sqlalchemy"),
        ("import agno.agent, agno.models.base, agno.db.sqlite",),
    ),
)

CLIENTS = (
    System("remit", "Remit", ("remit",), (), frozenset({"chat", "responses", "messages"})),
    System("openai_sdk", "`openai`", ("openai",), (), frozenset({"chat", "responses"})),
    System("bare", "(the same bytes, a bare socket)", (), (), frozenset({"chat", "responses", "messages"})),
    System("anthropic_sdk", "`anthropic`", ("anthropic",), (), frozenset({"messages"})),
)
"""Whom W5 measures."""

WAYS = tuple(System(row.name, row.title, (), (), frozenset({"humaneval"})) for row in ROWS)
"""What the workflow table compares."""

PLACES = tuple(System(row.name, row.title, (), (), frozenset({"box"})) for row in BOXES)
"""Where W6 runs programs."""

SERVERS = tuple(System(row.name, row.title, (), (), frozenset({"streams"})) for row in SERVED)
"""Whom W8 loads."""

SOLVING = tuple(System(row.name, row.title, (), (), frozenset({"tier"})) for row in BOXES if row.solves)
"""Tiers in which W7 runs the reference solutions; each case takes that of its store."""

PLAN = (
    *(Case("W1", "memory", n) for n in (10, 100, 300)),
    *(Case("W1", "sqlite", n) for n in (10, 100, 300)),
    *(Case("W1", "postgres", n) for n in (10, 100, 300)),
    *(Case("W2", "memory", n) for n in (200, 1000)),
    *(Case("W2", "sqlite", n) for n in (200, 1000)),
    *(Case("W2", "postgres", n) for n in (200, 1000)),
    Case("W3", "none", 1),
    *(Case("W4", "sqlite", n) for n in (100, 1000)),
    *(Case("W5", wire, n) for wire in WIRES for n in (1, 100, 300)),
    Case("W6", "box", 1),
    Case("W7", "tier", 1),
    *(Case("W8", "streams", n) for n in (LIGHT, WHOLE)),
    Case("workflow", "humaneval", 1),
)

QUICK = frozenset(
    {
        ("W1", 10),
        ("W1", 100),
        ("W2", 200),
        ("W3", 1),
        ("W4", 100),
        ("W5", 1),
        ("W5", 300),
        ("W6", 1),
        ("W7", 1),
        ("W8", LIGHT),
        ("workflow", 1),
    }
)
"""What `--quick` keeps of the plan, by workload and size."""


def ideal_seconds() -> float:
    """Return how long W2 would take if nothing but the model took time."""
    return (SESSION_STEPS + 1) * MODEL_SECONDS


def cases(only: frozenset[str], *, quick: bool) -> Iterator[Case]:
    """Yield the planned cases of the `only` workloads (all, if none is named)."""
    for case in PLAN:
        if (not only or case.workload in only) and (not quick or (case.workload, case.n) in QUICK):
            yield case
