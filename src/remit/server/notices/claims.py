"""Claims: of servers that all find the same call waiting, one tells people of it."""

import uuid
from typing import Protocol

from remit.journal.postgres.lines import Lines
from remit.server.access.stores.postgres.patient import Patient

_CLAIM = """
INSERT INTO remit.notices AS known (id, claim, until, sent)
VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3), false)
ON CONFLICT (id) DO UPDATE SET claim = excluded.claim, until = excluded.until
    WHERE NOT known.sent AND (known.until <= clock_timestamp() OR known.claim = excluded.claim)
RETURNING id"""
_STANDS = "SELECT sent, extract(epoch FROM until - clock_timestamp())::float8 FROM remit.notices WHERE id = $1"
_TOLD = (
    "INSERT INTO remit.notices (id, claim, until, sent) VALUES ($1, $2, clock_timestamp(), true) "
    "ON CONFLICT (id) DO UPDATE SET sent = true, until = clock_timestamp()"
)
_CLEAN = "DELETE FROM remit.notices WHERE until < clock_timestamp() - interval '90 days'"
"""What waits longer than that is told again, with the same key, by a server that begins."""
_LEAST = 0.05


class Claims(Protocol):
    """Who tells what."""

    async def claim(self, notice: str, seconds: float) -> float | None:
        """Give 0 when it is ours to tell for so many seconds, or for how many it is another's; `None` once it is told.

        Raise `RemitError` when nobody can say for now.
        """
        ...

    async def told(self, notice: str) -> None:
        """Say that it was told; raise `RemitError` when that could not be written down."""
        ...


class Alone:
    """For a server that is the only one of its home."""

    async def claim(self, notice: str, seconds: float) -> float | None:
        """See `Claims.claim`."""
        return 0.0

    async def told(self, notice: str) -> None:
        """See `Claims.told`."""


class PostgresClaims:
    """In the database of the journal. A claim of a server that died ends by itself, by the database's clock."""

    def __init__(self, lines: Lines) -> None:
        """Claim over these connections, such as those of a `PostgresAccessStore`."""
        self._asked, self._me = Patient(lines), uuid.uuid4()
        self._cleaned = False

    async def claim(self, notice: str, seconds: float) -> float | None:
        """See `Claims.claim`."""
        if not self._cleaned:
            await self._asked.ask(_CLEAN)
            self._cleaned = True
        if await self._asked.ask(_CLAIM, notice, self._me, seconds):
            return 0.0
        found = await self._asked.ask(_STANDS, notice)
        if not found:
            return _LEAST
        sent, left = found[0]
        return None if sent else max(float(left), _LEAST)

    async def told(self, notice: str) -> None:
        """See `Claims.told`."""
        await self._asked.ask(_TOLD, notice, self._me)
