"""Eyes: looks at the database from beside the code under test, and bears that it is away."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from remit.journal.postgres.address import Address
from remit.journal.postgres.door import Line, Row, dial
from remit.journal.postgres.lines import hang_up

_DONE = "status = 'idle' AND why IN ('done', 'failed', 'refused', 'stopped', 'cancelled', 'diverged')"
_LOOK = f"SELECT id, tenant, status, why, owner, head FROM remit.sessions WHERE NOT ({_DONE})"
_SUMS = "SELECT coalesce(sum(head), 0), count(*) FROM remit.sessions"
_RUNS = "SELECT name, used FROM remit.accounts WHERE name LIKE 'runs/tenant/%'"


@dataclass(frozen=True, slots=True)
class Standing:
    """A session that is not at its end."""

    id: str
    tenant: str
    status: str
    why: str
    owner: str
    head: int


@dataclass(frozen=True, slots=True)
class Sight:
    """What there was at one moment."""

    at: float
    """On the monotonic clock."""
    open: dict[str, Standing] = field(default_factory=dict[str, Standing])
    events: int = 0
    sessions: int = 0
    runs: dict[str, int] = field(default_factory=dict[str, int])
    """Runs under way by tenant, as the ledger counts them."""


class Eyes:
    """One connection that is made again when it breaks."""

    def __init__(self, url: str) -> None:
        """Take the address of the server itself, not of a proxy."""
        self._address = Address.of(url)
        self._line: Line | None = None

    async def ask(self, statement: str, *args: object) -> Sequence[Row] | None:
        """Give the rows, or nothing while the database is away."""
        try:
            return await self.sure(statement, *args)
        except Exception:  # noqa: BLE001 - whatever is broken is being broken on purpose
            await self.close()
            return None

    async def sure(self, statement: str, *args: object) -> Sequence[Row]:
        """Give the rows; raise what the driver raises."""
        if self._line is None or self._line.is_closed():
            self._line = await dial(self._address, 5.0)
        return await self._line.fetch(statement, *args)

    async def look(self) -> Sight | None:
        """Look at all that is not at its end, in one moment."""
        rows = await self.ask(
            f"SELECT (SELECT json_agg(o) FROM ({_LOOK}) o)::text, (SELECT json_agg(s) FROM ({_SUMS}) s (e, n))::text, "
            f"(SELECT json_agg(r) FROM ({_RUNS}) r)::text"
        )
        return None if rows is None else _sight(rows[0])

    async def close(self) -> None:
        """Let go."""
        if self._line is not None:
            await hang_up(self._line)
            self._line = None


class _Sum(msgspec.Struct):
    e: int
    n: int


class _Runs(msgspec.Struct):
    name: str
    used: int


def _sight(row: Row) -> Sight:
    standing = msgspec.json.decode(row[0] or b"[]", type=list[Standing])
    [sums] = msgspec.json.decode(row[1], type=list[_Sum])
    runs = msgspec.json.decode(row[2] or b"[]", type=list[_Runs])
    return Sight(
        time.monotonic(),
        {one.id: one for one in standing},
        sums.e,
        sums.n,
        {one.name.rpartition("/")[2]: one.used for one in runs},
    )
