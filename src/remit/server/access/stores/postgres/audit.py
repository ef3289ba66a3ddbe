"""PostgresAuditLog: one log of the whole fleet. Lines that wait are written together; each is durable before it counts.

The database itself refuses to change a line or to take one away. To make room its owner moves all of them out, with
TRUNCATE; numbers go on from where they were.
"""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from remit.server.access.records import AuditRecord
from remit.server.access.stores.postgres.patient import Patient, storable

_LAST = 2**63 - 1
_MOST = 500
"""Lines in a transaction."""
_WRITE = "SELECT remit.audit_1($1::uuid[], $2::text[], $3::bytea[])"


@dataclass(slots=True, eq=False)
class _Line:
    tenant: str
    body: bytes
    written: "asyncio.Future[None]"
    mark: uuid.UUID = field(default_factory=uuid.uuid4)


class PostgresAuditLog:
    """See `AuditLog`. It grows for ever: taking old lines away is left to whoever runs the database."""

    def __init__(self, asked: Patient) -> None:
        """Keep it where it asks."""
        self._asked = asked
        self._waiting: list[_Line] = []
        self._writing: asyncio.Task[None] | None = None

    async def write(self, record: AuditRecord) -> None:
        """See `AuditLog.write`; raise `JournalBusyError` when nobody knows whether it was written."""
        tenant = record.tenant.replace("\0", "\ufffd")
        line = _Line(tenant, msgspec.json.encode(record), asyncio.get_running_loop().create_future())
        self._waiting.append(line)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write(), name="remit-audit")
        # What was begun is finished, whatever becomes of the request: it may be known elsewhere already.
        await asyncio.shield(line.written)

    async def read(self, *, after: int = 0, tenant: str | None = None, limit: int = 1000) -> Sequence[AuditRecord]:
        """See `AuditLog.read`."""
        return await self._found("seq > $1", "ASC", after, tenant, limit)

    async def latest(self, *, tenant: str | None = None, limit: int = 1000, before: int = 0) -> Sequence[AuditRecord]:
        """See `AuditLog.latest`."""
        return (await self._found("seq < $1", "DESC", before or _LAST, tenant, limit))[::-1]

    async def close(self) -> None:
        """Finish what is being written."""
        if self._writing is not None:
            await asyncio.wait([self._writing])

    async def _write(self) -> None:
        while self._waiting:
            lines, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
            columns = ([line.mark for line in lines], [line.tenant for line in lines], [line.body for line in lines])
            try:
                await self._asked.ask(_WRITE, *columns)
            except Exception as error:  # noqa: BLE001 - whoever waits is told, whatever it was
                for line in lines:
                    _refuse(line, error)
            else:
                for line in lines:
                    if not line.written.done():
                        line.written.set_result(None)

    async def _found(self, where: str, order: str, place: int, tenant: str | None, limit: int) -> list[AuditRecord]:
        if tenant is not None and not storable(tenant):
            return []
        which = "" if tenant is None else "AND tenant = $3"
        question = f"SELECT seq, body FROM remit.audit WHERE {where} {which} ORDER BY seq {order} LIMIT $2"
        values = (place, max(limit, 0)) if tenant is None else (place, max(limit, 0), tenant)
        rows = await self._asked.ask(question, *values)
        return [
            msgspec.structs.replace(msgspec.json.decode(bytes(body), type=AuditRecord), seq=int(seq))
            for seq, body in rows
        ]


def _refuse(line: _Line, error: Exception) -> None:
    if not line.written.done():
        line.written.set_exception(error)
        # Whoever wrote it may have left; the others hear of it.
        line.written.exception()
