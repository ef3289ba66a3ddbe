"""Drivers: who has the sessions of a server driven: it alone, a fleet that it is one of, or a fleet beside it."""

from collections.abc import Mapping

from remit.core.agent import Agent
from remit.home import Home
from remit.journal.postgres import PostgresJournal
from remit.server.fleet import FleetDriver, ProcrastinateJobs, Worker
from remit.server.service import Driver, Drives, Held


def replica(home: Home, agents: Mapping[str, Agent], held: Held) -> Drives:
    """Have others do it: this process only takes requests."""
    return FleetDriver(home, agents)


def alone(home: Home, agents: Mapping[str, Agent], held: Held) -> Drives:
    """Do it in this process; in a database together with whoever else is there."""
    if isinstance(home.journal, PostgresJournal):
        jobs = ProcrastinateJobs(home.journal.address.url, home.journal.patience)
        return FleetDriver(home, agents, Worker(home, agents, jobs, held=held))
    return Driver(home, agents, held=held)
