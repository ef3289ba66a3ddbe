"""Workloads: which figures are taken of whom, at which sizes, in which store."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

Workload = Literal["W1", "W2", "W3", "W4"]
Store = Literal["memory", "sqlite", "none"]

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
    """A runtime under measurement: its module in `benchmarks.systems`, and what W3 imports of it."""

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


SYSTEMS = (
    System("remit", "Remit", ("remit",), ("from remit import *",)),
    System(
        "langgraph",
        "LangGraph",
        ("langgraph", "langgraph-checkpoint-sqlite"),
        ("import langgraph.graph, langgraph.prebuilt, langgraph.checkpoint.sqlite.aio",),
    ),
    System("langgraph_bare", "LangGraph, no saver", ("langgraph",), (), frozenset({"memory"})),
    System(
        "pydantic_ai_dbos",
        "Pydantic AI + DBOS",
        ("pydantic-ai-slim", "dbos"),
        ("import pydantic_ai, pydantic_ai.durable_exec.dbos",),
    ),
    System(
        "agno",
        "Agno",
        ("agno", "sqlalchemy"),
        ("import agno.agent, agno.models.base, agno.db.sqlite",),
    ),
)

PLAN = (
    *(Case("W1", "memory", n) for n in (10, 100, 300)),
    *(Case("W1", "sqlite", n) for n in (10, 100, 300)),
    *(Case("W2", "memory", n) for n in (200, 1000)),
    *(Case("W2", "sqlite", n) for n in (200, 1000)),
    Case("W3", "none", 1),
    *(Case("W4", "sqlite", n) for n in (100, 1000)),
)

QUICK = frozenset({("W1", 10), ("W1", 100), ("W2", 200), ("W3", 1), ("W4", 100)})
"""What `--quick` keeps of the plan, by workload and size."""


def ideal_seconds() -> float:
    """Return how long W2 would take if nothing but the model took time."""
    return (SESSION_STEPS + 1) * MODEL_SECONDS


def cases(only: frozenset[str], *, quick: bool) -> Iterator[Case]:
    """Yield the planned cases of the `only` workloads (all, if none is named)."""
    for case in PLAN:
        if (not only or case.workload in only) and (not quick or (case.workload, case.n) in QUICK):
            yield case
