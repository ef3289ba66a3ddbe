"""Predicting: what one machine does that workers, PostgreSQL and whoever begins sessions share.

Throughput is bounded by what is first busy all the time (P. J. Denning and J. P. Buzen, "The Operational Analysis of
Queueing Network Models", ACM Computing Surveys 10(3), 1978): a worker's one core, all cores, or the taking up.
"""

import math

import msgspec

from remit.telemetry.load.costs import Costs
from remit.telemetry.load.latency import commits, pick_up, scattered, taking_up
from remit.telemetry.load.queueing import stretch


class Predicted(msgspec.Struct, frozen=True, kw_only=True):
    """What a machine should do."""

    steps_s: float
    """At most."""
    bound: str
    """What is busy all the time then."""
    cores_busy: float
    """At the rate that was asked for."""
    first_step_ms: float
    """At that rate, for `first_step_share` of the messages; infinity when it is too much."""


def predict(
    costs: Costs, *, cores: int, workers: int, steps: float, sessions_s: float, others: float = 0.0
) -> Predicted:
    """Say what workers do with sessions of so many steps, on cores of which other programs take some."""
    worker = (costs.worker_us_session + costs.worker_us_step * steps) / 1e6
    everything = worker + (costs.server_us_session + costs.server_us_step * steps + costs.driver_us_session) / 1e6
    left = max(1e-9, 1.0 - others / cores)
    bounds = {
        "the workers' CPU": workers / worker,
        "all cores": left * cores / everything,
        "taking up": workers / costs.pick_ms * 1e3,
    }
    bound = min(bounds, key=bounds.__getitem__)
    full = min(workers / worker, cores / everything, bounds["taking up"])
    more = workers * scattered(costs, sessions_s / workers, full / workers, steps)
    busy = sessions_s * everything + more * (costs.commit_worker_us + costs.commit_server_us) / 1e6
    shared = stretch(cores, busy, 1 / left)
    alone = stretch(1, sessions_s * worker / workers + more * costs.commit_worker_us / workers / 1e6, 1.0)
    late = pick_up(costs, sessions_s / workers) + taking_up(costs, max(shared, alone), shared)
    return Predicted(
        steps_s=bounds[bound] * steps,
        bound=bound,
        cores_busy=busy,
        first_step_ms=math.inf
        if sessions_s >= bounds[bound]
        else costs.first_step_ms + late + commits(costs, sessions_s, steps),
    )
