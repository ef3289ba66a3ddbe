"""The same agent in a worker for which all other workers are dead."""

from benchmarks.chaos.inside.agents import agent, settings
from remit.journal.postgres import PostgresWorkers

__all__ = ["agent", "settings"]


def alive(self: PostgresWorkers, worker: str) -> bool:
    """Believe in nobody else."""
    return worker == self.me


PostgresWorkers.alive = alive
