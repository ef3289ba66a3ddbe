"""PostgresPaceStore: the buckets of the fleet, by the database's clock, told of once in a while by every server."""

from collections.abc import Mapping
from hashlib import sha256

from remit.server.access.stores.postgres.patient import Patient

_SETTLE = """
INSERT INTO remit.paces AS known (name, level, at, rested)
SELECT name, $3 - taken, now(), now() + make_interval(secs => taken / $4)
FROM unnest($1::bytea[], $2::float8[]) AS told (name, taken) ORDER BY name
ON CONFLICT (name) DO UPDATE SET (level, at, rested) = (
    SELECT stands, moment, moment + make_interval(secs => ($3 - stands) / $4)
    FROM (SELECT moment, least($3, known.level + $4 * extract(epoch FROM moment - known.at)) + excluded.level - $3
          FROM (SELECT greatest(known.at, now())) AS clock (moment)) AS bucket (moment, stands))
RETURNING name, level"""
_CLEAN = "DELETE FROM remit.paces WHERE rested < now()"
_CLEAN_EVERY = 60
"""Settlements between two clearings of buckets that are full, which are as good as none."""


class PostgresPaceStore:
    """See `PaceStore`. Names are kept as hashes: they say who somebody is."""

    def __init__(self, asked: Patient) -> None:
        """Keep them where it asks."""
        self._asked = asked
        self._settled = 0

    async def settle(self, taken: Mapping[str, int], *, per_second: float, burst: float) -> Mapping[str, float]:
        """See `PaceStore.settle`."""
        names = {sha256(f"remit pace\0{name}".encode()).digest(): name for name in taken}
        counts = [float(taken[name]) for name in names.values()]
        if self._settled % _CLEAN_EVERY == 0:
            await self._asked.ask(_CLEAN)
        self._settled += 1
        rows = await self._asked.ask(_SETTLE, list(names), counts, burst, per_second)
        return {names[bytes(digest)]: float(level) for digest, level in rows}
