"""PostgresAccessStore: keys, logins, switches and the audit log in the database of the journal.

Every question is asked of the database, so a key that was revoked anywhere is refused everywhere at once. While it does
not answer, nobody is let in: whoever asks is told to come again.
"""

from collections.abc import Callable

from remit.core.values import now_ms
from remit.journal.postgres import Address, Patience
from remit.journal.postgres.lines import Lines
from remit.journal.postgres.schema import ensure
from remit.server.access.paces import PaceStore
from remit.server.access.stores.postgres.audit import PostgresAuditLog
from remit.server.access.stores.postgres.ear import Ear
from remit.server.access.stores.postgres.keys import PostgresKeyStore
from remit.server.access.stores.postgres.logins import PostgresLoginStore
from remit.server.access.stores.postgres.paces import PostgresPaceStore
from remit.server.access.stores.postgres.patient import Patient
from remit.server.access.stores.postgres.switches import PostgresSwitchStore

PATIENCE = Patience(statement=3.0, outage=3.0)
"""Somebody waits at the door: better a word soon that nobody can tell for now."""

_MOST = 4
"""Connections, opened as they are needed."""


class PostgresAccessStore:
    """The store of a fleet. A process that only heeds switches has two connections of it."""

    def __init__(self, url: str, *, patience: Patience | None = None, clock: Callable[[], int] = now_ms) -> None:
        """Take the URL of a database; nothing is connected before it is needed. The clock counts milliseconds."""
        address = Address.of(url)
        self.lines = Lines(address, patience or PATIENCE, _MOST)
        """Its connections, for what else servers share."""
        self.lines.first(lambda line: ensure(line, address))
        self._asked = asked = Patient(self.lines, clock)
        self._ear = Ear(self.lines)
        self.keys, self.logins = PostgresKeyStore(asked), PostgresLoginStore(asked)
        self.switches, self.log = PostgresSwitchStore(asked, self._ear), PostgresAuditLog(asked)
        self.paces: PaceStore = PostgresPaceStore(asked)

    def now(self) -> int:
        """See `AccessStore.now`: by the database's clock, as of the last key that was looked up."""
        return self._asked.now()

    async def close(self) -> None:
        """See `AccessStore.close`; what is being written to the log comes to its end."""
        await self.log.close()
        await self._ear.close()
        await self.lines.close()
