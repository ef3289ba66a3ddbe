"""PostgresKeyStore: keys in a table. What a broken connection makes us send again changes nothing the second time."""

from collections.abc import Sequence

import msgspec

from remit.core.errors import JournalError
from remit.journal.postgres.door import Row
from remit.server.access.keys import Key
from remit.server.access.stores.postgres.patient import Patient, storable

_KEY = ", ".join(Key.__struct_fields__)
_PLACES = ", ".join(f"${place}" for place, _ in enumerate(Key.__struct_fields__, 1))
_ADD = (
    f"WITH added AS (INSERT INTO remit.keys ({_KEY}) VALUES ({_PLACES}) ON CONFLICT DO NOTHING RETURNING digest) "
    "SELECT digest FROM added UNION ALL SELECT digest FROM remit.keys WHERE id = $1"
)
_GET = (
    f"SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint, found.* FROM (VALUES (true)) AS always "
    f"LEFT JOIN (SELECT {_KEY} FROM remit.keys WHERE id = $1) AS found ON true"
)
_COUNT = len(Key.__struct_fields__)
_HAND_OVER = (
    # Its heir is this one already when the answer was lost the first time.
    f"WITH handed AS (UPDATE remit.keys SET ends = ${_COUNT + 1}, heir = $1 "
    f"WHERE id = ${_COUNT + 2} AND ((heir = '' AND ends = 0) OR heir = $1) RETURNING true), "
    f"added AS (INSERT INTO remit.keys ({_KEY}) SELECT {_PLACES} FROM handed "
    "WHERE NOT EXISTS (SELECT FROM remit.keys WHERE id = $1 AND digest = $2)) SELECT true FROM handed"
)


class PostgresKeyStore:
    """See `KeyStore`."""

    def __init__(self, asked: Patient) -> None:
        """Keep them where it asks."""
        self._asked = asked

    async def add(self, key: Key) -> None:
        """See `KeyStore.add`."""
        found = await self._asked.ask(_ADD, *msgspec.structs.astuple(key))
        if any(bytes(digest) != key.digest for (digest,) in found):
            raise JournalError(f"there is another key {key.id!r}; make one again")

    async def get(self, name: str) -> Key | None:
        """See `KeyStore.get`."""
        if not storable(name):
            return None
        found = await self._asked.ask(_GET, name)
        now, *row = found[0]
        # Whether it has ended is for one clock to say, or it would be good where a clock is slow.
        self._asked.heed(int(now))
        return _key(row) if row[0] is not None else None

    async def all(self, tenant: str | None = None) -> Sequence[Key]:
        """See `KeyStore.all`."""
        if tenant is not None and not storable(tenant):
            return []
        question = f"SELECT {_KEY} FROM remit.keys WHERE $1::text IS NULL OR tenant = $1 ORDER BY made, id"
        return [_key(row) for row in await self._asked.ask(question, tenant)]

    async def end(self, name: str, at: int) -> bool:
        """See `KeyStore.end`."""
        change = (
            "UPDATE remit.keys SET ends = CASE ends WHEN 0 THEN $2 ELSE least(ends, $2) END WHERE id = $1 RETURNING id"
        )
        return storable(name) and bool(await self._asked.ask(change, name, at))

    async def rotate(self, name: str, heir: Key, at: int) -> bool:
        """See `KeyStore.rotate`."""
        return storable(name) and bool(await self._asked.ask(_HAND_OVER, *msgspec.structs.astuple(heir), at, name))

    async def touch(self, name: str, at: int) -> None:
        """See `KeyStore.touch`."""
        if storable(name):
            await self._asked.ask("UPDATE remit.keys SET used = greatest(used, $1) WHERE id = $2", at, name)


def _key(row: Row) -> Key:
    return msgspec.convert(dict(zip(Key.__struct_fields__, row, strict=True)), Key)
