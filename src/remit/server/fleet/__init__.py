"""Fleet: many processes over one database: who works on what, and what they say to each other meanwhile."""

from remit.server.fleet.control import Control
from remit.server.fleet.deltas import Deltas
from remit.server.fleet.driver import FleetDriver
from remit.server.fleet.jobs import ProcrastinateJobs
from remit.server.fleet.port import Handle, Job, Jobs
from remit.server.fleet.waiting import Waiting
from remit.server.fleet.worker import Worker, shared

__all__ = [
    "Control",
    "Deltas",
    "FleetDriver",
    "Handle",
    "Job",
    "Jobs",
    "ProcrastinateJobs",
    "Waiting",
    "Worker",
    "shared",
]
