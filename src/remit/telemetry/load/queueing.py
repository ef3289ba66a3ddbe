"""Queueing: how long work waits for one of several servers (M/M/c: Poisson arrivals, exponential service, one queue),
and how much longer it takes where all that is there shares the servers (processor sharing).

A. K. Erlang, "Solution of some Problems in the Theory of Probabilities of Significance in Automatic Telephone
Exchanges", 1917; the recursion for his first formula and the tail of the wait are in L. Kleinrock, "Queueing Systems",
volume 1, 1975, chapter 3. Rates are a second, times in seconds.
"""

import math


def utilisation(servers: int, rate: float, service: float) -> float:
    """Give the share of its time that each of the servers is busy; 1 and more is more than they can do."""
    return rate * service / servers


def waits(servers: int, rate: float, service: float) -> float:
    """Give the probability that work finds all servers busy (Erlang C); 1 when they cannot keep up."""
    offered = rate * service
    if offered >= servers:
        return 1.0
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = offered * blocked / (number + offered * blocked)
    return servers * blocked / (servers - offered * (1 - blocked))


def quantile_wait(servers: int, rate: float, service: float, share: float) -> float:
    """Give the seconds that so large a share of the work waits at most; infinity when the servers cannot keep up."""
    offered = rate * service
    if offered >= servers:
        return math.inf
    late = waits(servers, rate, service)
    # Nobody waits among the first 1 - late.
    return 0.0 if late <= 1 - share else math.log(late / (1 - share)) * service / (servers - offered)


def stretch(servers: int, rate: float, service: float) -> float:
    """Give how many times as long work takes on average as it would alone; infinity when the servers cannot keep up.

    For one server this is 1 / (1 - busy), whatever the service times are, when it is shared by all that is there.
    """
    offered = rate * service
    if offered >= servers:
        return math.inf
    return 1.0 + waits(servers, rate, service) / (servers - offered)
