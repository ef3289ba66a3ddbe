"""Migrating: what `remit db migrate` does, one step after the other. Each may be done again, and says what it did."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from remit.journal.postgres import install_queue, migrate


@dataclass(frozen=True, slots=True)
class Step:
    """Something that is brought up to date."""

    name: str
    bring: Callable[[str], Awaitable[Sequence[str]]]
    """Bring it up to date in the database of a URL and say what was done; raise `NewerSchemaError` when it is ahead."""


async def _tables(url: str) -> list[str]:
    return [f"{step.version} {step.name}" for step in await migrate(url)]


STEPS: tuple[Step, ...] = (Step("tables", _tables), Step("queue", install_queue))
"""All of them, in order; what is refused keeps those after it from being done."""
