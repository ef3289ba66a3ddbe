"""Latency: what a message waits for beyond an idle fleet, before its session has its first step. In milliseconds.

It waits until its worker has taken up those before it (a queue), while its beginning shares the cores with all steps
that are under way (processor sharing), and its commits wait for those under way. Quantiles are added up, which errs on
the side of too long.
"""

import math

from remit.telemetry.load.costs import Costs
from remit.telemetry.load.queueing import quantile_wait

COMMITS = 4
"""One after the other until the first step: the message, the job taken, the lease, and the intent to ask."""
_STEP = 2
"""Commits of a step: before its act and after it."""


def pick_up(costs: Costs, rate: float) -> float:
    """Give how long a message waits until a worker, to which so many come in a second, has taken up those before it."""
    return 1e3 * quantile_wait(1, rate, costs.pick_ms / 1e3, costs.first_step_share)


def taking_up(costs: Costs, worker: float, server: float) -> float:
    """Give how much longer a session takes to begin when a worker and PostgreSQL are slower by these factors.

    As in a queue, what comes on top is taken to be exponential.
    """
    tail = -math.log(1 - costs.first_step_share) / 1e3
    return tail * (costs.worker_us_session * (worker - 1) + costs.server_us_session * (server - 1))


def commits(costs: Costs, rate: float, steps: float) -> float:
    """Give how long commits wait for one under way: for a whole one, as often as there is one; they share the next."""
    busy = min(1.0, rate * appends(steps) * costs.sync_ms / 1e3)
    return COMMITS * costs.sync_ms * busy


def appends(steps: float) -> float:
    """Give what a session of so many steps writes, each of which would be a commit if it came alone."""
    return COMMITS + _STEP * steps


def groups(costs: Costs, rate: float) -> float:
    """Give the commits a second of a worker whose sessions make so many appends a second.

    It makes one at a time, and what comes meanwhile is in the next: one when an append comes, 1 / rate after the last.
    """
    takes = (costs.commit_worker_us + costs.commit_server_us) / 1e6 + costs.sync_ms / 1e3
    return rate / (1 + rate * takes)


def scattered(costs: Costs, rate: float, full: float, steps: float) -> float:
    """Give the commits a second of a worker beyond those that the costs of a step have, as measured at a full rate."""
    now, then = (groups(costs, sessions * appends(steps)) for sessions in (rate, full))
    return max(0.0, now - then * min(1.0, rate / full))
