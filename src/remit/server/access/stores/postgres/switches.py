"""PostgresSwitchStore: what is off for the whole fleet. Who switches something tells all others as it is committed."""

from collections.abc import Sequence

import msgspec

from remit.journal.postgres.door import Line, Row
from remit.server.access.stores.postgres.ear import CHANNEL, Ear
from remit.server.access.stores.postgres.patient import Patient, storable
from remit.server.switches.port import Switch, Switchable

_SWITCH = ", ".join(Switch.__struct_fields__)
_PLACES = ", ".join(f"${place}" for place, _ in enumerate(Switch.__struct_fields__, 1))
_THIS = "tenant = $1 AND kind = $2 AND name = $3"
_TELL = f"pg_notify('{CHANNEL}', '')"
_PUT = (
    f"WITH added AS (INSERT INTO remit.switches ({_SWITCH}) VALUES ({_PLACES}) ON CONFLICT DO NOTHING "
    f"RETURNING {_SWITCH}) SELECT {_SWITCH}, {_TELL} FROM added"
)
_TAKE = (
    f"WITH gone AS (DELETE FROM remit.switches WHERE {_THIS} RETURNING {_SWITCH}) SELECT {_SWITCH}, {_TELL} FROM gone"
)
_FIND = f"SELECT {_SWITCH} FROM remit.switches WHERE {_THIS}"


class PostgresSwitchStore:
    """See `SwitchStore`."""

    def __init__(self, asked: Patient, ear: Ear) -> None:
        """Keep them where it asks."""
        self._asked, self._ear = asked, ear

    async def put(self, switch: Switch) -> Switch:
        """See `SwitchStore.put`."""
        switch = msgspec.structs.replace(switch, reason=switch.reason.replace("\0", ""))

        which = (switch.tenant, switch.kind, switch.name)

        async def work(line: Line) -> Switch:
            while True:
                added = await line.fetch(_PUT, *msgspec.structs.astuple(switch))
                found = added or await line.fetch(_FIND, *which)
                # Somebody may have taken it between the two.
                if found:
                    return _switch(found[0])

        return await self._asked.do(work)

    async def take(self, tenant: str, kind: Switchable, name: str) -> Switch | None:
        """See `SwitchStore.take`."""
        if not (storable(tenant) and storable(name)):
            return None
        seen: list[Switch] = []

        async def work(line: Line) -> Switch | None:
            # When the answer to the first try was lost, what is gone now was taken by us.
            again = bool(seen)
            if not again:
                seen.extend(map(_switch, await line.fetch(_FIND, tenant, kind, name)))
            gone = await line.fetch(_TAKE, tenant, kind, name)
            if gone:
                return _switch(gone[0])
            return seen[0] if again else None

        return await self._asked.do(work)

    async def all(self) -> Sequence[Switch]:
        """See `SwitchStore.all`."""
        rows = await self._asked.ask(f"SELECT {_SWITCH} FROM remit.switches ORDER BY at, tenant, kind, name")
        return [_switch(row) for row in rows]

    async def wait(self, seconds: float) -> None:
        """See `SwitchStore.wait`: told by the database."""
        await self._ear.wait(seconds)


def _switch(row: Row) -> Switch:
    # What comes after its columns only told others.
    return msgspec.convert(dict(zip(Switch.__struct_fields__, row, strict=False)), Switch)
