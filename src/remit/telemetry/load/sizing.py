"""Sizing: workers, PostgreSQL and cells for a load. More load never needs less.

A session stays with the worker that took it up, so each worker is a queue of its own (M/M/1); the cores of PostgreSQL
serve one queue (M/M/c). What waits is a message. It has its first step after what that takes on an idle fleet and what
it waits for both.
"""

import math
from collections.abc import Callable

import msgspec

from remit.core.errors import ConfigError
from remit.telemetry.load.costs import Costs
from remit.telemetry.load.latency import appends, commits, groups, pick_up, scattered, taking_up
from remit.telemetry.load.queueing import stretch
from remit.telemetry.load.stated import Load

_GB = 1e9
_OWN_CONNECTIONS = 10
"""For whoever looks, and PostgreSQL's reserve."""


class Room(msgspec.Struct, frozen=True, kw_only=True):
    """How full things may be, and how large one of them."""

    busy: float = 0.6
    """The share of its time that a core may be busy in the peak: the rest is for what no average shows."""
    wait_ms: float = 20.0
    """That a message may wait for a worker and for cores of PostgreSQL, beyond an idle fleet."""
    worker_sessions: int = 1000
    """Under way in one worker."""
    worker_mb: float = 1024.0
    server_cores: int = 16
    """Of one PostgreSQL: past that there is another cell."""
    server_gb: float = 4000.0
    """On the disk of one PostgreSQL."""
    connections: int = 500
    """To one PostgreSQL."""
    replicas: int = 2
    """Of the API, for each cell."""
    spare: int = 1
    """Workers of each cell that may be away."""

    def __post_init__(self) -> None:
        """Refuse what is no room."""
        if not 0 < self.busy < 1:
            raise ConfigError(f"a core may be busy for more than 0 and less than 1 of its time, not {self.busy:g}")
        if min(self.spare, self.replicas) < 0:
            raise ConfigError(f"there cannot be {self.spare} spare workers or {self.replicas} replicas")
        for name in ("wait_ms", "worker_sessions", "worker_mb", "server_cores", "server_gb"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value > 0):
                raise ConfigError(f"{name.replace('_', ' ')!r} must be more than 0, not {value:g}")
        if self.connections <= _OWN_CONNECTIONS:
            raise ConfigError(f"a PostgreSQL needs more than {_OWN_CONNECTIONS} connections, not {self.connections}")


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a load needs, all cells together unless it says otherwise."""

    sessions_s: float
    """In the peak."""
    steps_s: float
    under_way: float
    waiting: float
    cells: int
    """PostgreSQL servers that know nothing of each other."""
    why_cells: str
    workers: int
    why_workers: str
    """What decides their number."""
    worker_cores: int
    server_cores: int
    """Of one cell's PostgreSQL."""
    connections: int
    """To one cell's PostgreSQL."""
    disk_gb_day: float
    disk_gb: float
    """For as long as sessions are kept."""
    first_step_ms: float
    """From a message to its first step in the peak, for `first_step_share` of the messages."""
    tokens_day: float
    usd_day: float | None
    """For models; `None` without a price."""


class _Demand(msgspec.Struct, frozen=True):
    """What a load asks of a fleet with these costs and this room."""

    load: Load
    costs: Costs
    room: Room

    @property
    def rate(self) -> float:
        """Steps in a second of the peak."""
        return self.load.peak_rate * self.load.steps

    @property
    def worker(self) -> float:
        """Seconds of a worker's CPU for a step, with its part of what a session costs."""
        return (self.costs.worker_us_step + self.costs.worker_us_session / self.load.steps) / 1e6

    @property
    def served(self) -> float:
        """Seconds of PostgreSQL's CPU for the same."""
        return (self.costs.server_us_step + self.costs.server_us_session / self.load.steps) / 1e6

    @property
    def _within(self) -> float:
        """Milliseconds that a message may wait for a worker, and as many for PostgreSQL."""
        return self.room.wait_ms / 2

    @property
    def disk_day(self) -> float:
        """Bytes that a day's sessions take, with this load's texts in place of the measured ones."""
        own = max(0.0, self.costs.bytes_step - self.costs.payload_step)
        return self.load.sessions * (self.costs.bytes_session + self.load.steps * (own + self.load.payload_step))

    @property
    def disk(self) -> float:
        """Bytes of all sessions that are kept, those that wait among them."""
        return self.disk_day * (self.load.retention_days + self.load.waiting_share * self.load.waiting_hours / 24)

    def wait_worker(self, workers: float) -> float:
        """Give how long a message waits for one of so many workers, in milliseconds."""
        rate, takes = self.load.peak_rate / workers, self.load.steps * self.worker
        more = scattered(self.costs, rate, 1 / takes, self.load.steps) * self.costs.commit_worker_us / 1e6
        return pick_up(self.costs, rate) + taking_up(self.costs, stretch(1, rate * takes + more, 1.0), 1.0)

    def offered(self, workers: int, cells: int) -> float:
        """Give the cores of each of so many databases that are busy on average, commits of workers not being full."""
        written = self.load.peak_rate * appends(self.load.steps)
        commits = workers * groups(self.costs, written / workers)
        return (self.rate * self.served + commits * self.costs.commit_server_us / 1e6) / cells

    def wait_server(self, cores: int, offered: float) -> float:
        """Give how long a message waits for PostgreSQL's cores, in milliseconds."""
        return taking_up(self.costs, 1.0, stretch(cores, offered, 1.0))

    def cores(self, workers: int, cells: int) -> int | None:
        """Give the fewest cores of each of so many databases; `None` when it has not so many."""
        offered, room = self.offered(workers, cells), self.room
        for cores in range(max(1, math.ceil(offered / room.busy)), room.server_cores + 1):
            if self.wait_server(cores, offered) <= self._within:
                return cores
        return None

    def connections(self, workers: int, cells: int) -> int:
        """Give the connections to one database when so many workers are alive, and the spare ones."""
        each = math.ceil(workers / cells) + self.room.spare
        own = self.room.replicas * self.costs.connections_replica
        return _OWN_CONNECTIONS + math.ceil(own + each * self.costs.connections_worker)

    def workers(self) -> tuple[int, str, int]:
        """Give how many workers must be alive, what decides it, and how many cores they keep busy."""
        room, under_way = self.room, self.load.under_way
        left = room.worker_mb - self.costs.worker_rest_mb
        if left <= 0:
            raise ConfigError(f"a worker takes {self.costs.worker_rest_mb:.0f} MB with nothing to do; give it more")
        needs = {
            "their CPU": self.rate * self.worker / room.busy,
            "taking sessions up": self.load.peak_rate * self.costs.pick_ms / 1e3 / room.busy,
            "sessions under way": under_way / room.worker_sessions,
            "memory": under_way * self.costs.worker_kb_session / 1024 / left,
        }
        why = max(needs, key=needs.__getitem__)
        least = max(1, math.ceil(needs[why]))
        pool = _least(lambda count: self.wait_worker(count) <= self._within, least)
        return pool, why if pool == least else "the wait of a message", max(1, math.ceil(needs["their CPU"]))

    def cells(self, workers: int) -> tuple[int, str]:
        """Give how many databases it takes, and what decides it."""
        room = self.room
        splits: dict[str, Callable[[int], bool]] = {
            "the CPU of PostgreSQL": lambda cells: self.cores(workers, cells) is not None,
            "disk": lambda cells: self.disk / cells <= room.server_gb * _GB,
            "connections": lambda cells: self.connections(workers, cells) <= room.connections,
        }
        needs = {what: _least(enough, 1) for what, enough in splits.items()}
        why = max(needs, key=needs.__getitem__)
        return needs[why], why if needs[why] > 1 else "one PostgreSQL is enough"


def size(load: Load, costs: Costs, room: Room, prices: tuple[float, float] | None = None) -> Plan:
    """Say what a load needs; `prices` are dollars for a million tokens read and written.

    Raise `ConfigError` when no fleet can do it.
    """
    demand = _Demand(load, costs, room)
    alive, why_workers, worker_cores = demand.workers()
    cells, why_cells = demand.cells(alive)
    server_cores = demand.cores(alive, cells)
    assert server_cores is not None
    rate = demand.rate
    waited = demand.wait_worker(alive) + demand.wait_server(server_cores, demand.offered(alive, cells))
    waited += commits(costs, load.peak_rate / cells, load.steps)
    return Plan(
        sessions_s=load.peak_rate,
        steps_s=rate,
        under_way=load.under_way,
        waiting=load.waiting,
        cells=cells,
        why_cells=why_cells,
        workers=alive + cells * room.spare,
        why_workers=why_workers,
        worker_cores=worker_cores,
        server_cores=server_cores,
        connections=demand.connections(alive, cells),
        disk_gb_day=demand.disk_day / _GB,
        disk_gb=demand.disk / _GB,
        first_step_ms=costs.first_step_ms + waited,
        tokens_day=load.sessions * load.questions * (load.tokens_read + load.tokens_written),
        usd_day=None if prices is None else _usd(load, prices),
    )


def _usd(load: Load, prices: tuple[float, float]) -> float:
    read, written = prices
    if not all(math.isfinite(price) and price >= 0 for price in prices):
        raise ConfigError(f"a price cannot be {read:g} and {written:g} dollars")
    return load.sessions * load.questions * (load.tokens_read * read + load.tokens_written * written) / 1e6


_MOST = 1 << 40


def _least(enough: Callable[[int], bool], low: int) -> int:
    """Give the smallest number from `low` on that is enough, where more than enough is enough too."""
    high = low
    while not enough(high):
        low, high = high + 1, high * 2
        if high > _MOST:
            raise ConfigError("no fleet of any size can do this; allow a longer wait, more connections, or more disk")
    while low < high:
        middle = (low + high) // 2
        if enough(middle):
            high = middle
        else:
            low = middle + 1
    return low
