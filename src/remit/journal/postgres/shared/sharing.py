"""Sharing: what all workers of a database have in common beside the journal: circuits, paces, rates and room.

Only the database's clock says what may be used and when a lease is over. A worker's clock only measures how long ago
it asked.
"""

import time
import uuid
from collections.abc import Mapping, Sequence

from remit.core.ports import Clock
from remit.journal.postgres.address import Address
from remit.journal.postgres.lines import Lines, Patience
from remit.journal.postgres.schema import ensure
from remit.journal.postgres.shared.circuits import Circuits
from remit.journal.postgres.shared.grant import Bound, Report
from remit.journal.postgres.shared.share import Answer, Share
from remit.policy.breaker import Tolerance
from remit.policy.shared_breaker import SharedBreakers

_CONNECTIONS = 2
"""Of its own: whoever waits for a rate does not stand in line with those who read journals."""

_EXCHANGE = (
    "SELECT given, wait, others, stopped FROM remit.share_1($1, $2::float8[], $3::float8[], $4, $5, $6::float8[], "
    "$7::float8[], $8::float8[], $9::float8[], $10, $11)"
)


class Sharing:
    """One worker's door to what is shared. It belongs to one loop."""

    def __init__(self, address: Address, *, patience: Patience | None = None, clock: Clock = time.monotonic) -> None:
        """Take a database; nothing is connected before it is needed."""
        self._patience, self._clock = patience or Patience(), clock
        self._lines = Lines(address, self._patience, _CONNECTIONS)
        self._lines.first(lambda line: ensure(line, address))
        self._circuits = Circuits(self._lines, clock=clock)
        self._shares: dict[tuple[str, tuple[Bound, ...]], Share] = {}
        self.exchanges = 0
        """How often the database was asked for some of what is bounded."""

    def breakers(
        self, tolerance: Tolerance | None = None, *, others: Mapping[str, Tolerance] | None = None
    ) -> SharedBreakers:
        """Make the circuits of this worker, once: what all bear, and what some names bear instead."""
        made = SharedBreakers(tolerance, others=others, clock=self._clock, tell=self._circuits.tell)
        self._circuits.keep(made)
        return made

    def share(self, name: str, bounds: Sequence[tuple[float, float]]) -> Share:
        """Give this worker's part of a bound, by rates a second and sizes; an infinite rate means room.

        All who name the same with as many dimensions share it.
        """
        dimensions = tuple(Bound(rate, size) for rate, size in bounds)
        share = self._shares.get((name, dimensions))
        if share is None:
            made = _Exchanging(self, f"{name}/{len(dimensions)}", dimensions)
            share = Share(dimensions, made.exchange, self._patience, clock=self._clock)
            self._shares[name, dimensions] = share
        return share

    async def exchange(self, name: str, bounds: Sequence[Bound], worker: str, report: Report, pause: float) -> Answer:
        """Tell a report; the same one may be told again."""
        self.exchanges += 1
        told = (
            name,
            [bound.rate for bound in bounds],
            [bound.size for bound in bounds],
            worker,
            report.number,
            report.holds,
            report.credit,
            report.need,
            report.want,
            pause,
            self._patience.life,
        )
        [[given, wait, others, stopped]] = await self._lines.do(lambda line: line.fetch(_EXCHANGE, *told))
        return Answer(tuple(map(float, given)), float(wait), int(others), float(stopped))

    async def close(self) -> None:
        """Give back what is held, and ask no more."""
        for share in self._shares.values():
            await share.close()
        await self._circuits.close()
        await self._lines.close()


class _Exchanging:
    """How one share asks."""

    __slots__ = ("_bounds", "_name", "_sharing", "_worker")

    def __init__(self, sharing: Sharing, name: str, bounds: Sequence[Bound]) -> None:
        self._sharing, self._name, self._bounds = sharing, name, bounds
        # Each share has its own: two of one name in a process are two grants.
        self._worker = uuid.uuid4().hex

    async def exchange(self, report: Report, pause: float) -> Answer:
        return await self._sharing.exchange(self._name, self._bounds, self._worker, report, pause)
