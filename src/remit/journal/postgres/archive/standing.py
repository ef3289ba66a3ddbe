"""Standing: what a database of sessions is like before anything is done to it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from remit.core.errors import ConfigError, JournalBusyError, JournalError
from remit.journal.postgres.address import Address
from remit.journal.postgres.door import Line, explain
from remit.journal.postgres.lines import Lines, Patience, hang_up
from remit.journal.postgres.schema import look, refuse_newer

PATIENCE = Patience(statement=60.0)
_LOCK = 0x52454D41
"""The advisory lock of whoever archives: `REMA`."""


@asynccontextmanager
async def lines_to(url: str, patience: Patience | None = None) -> AsyncGenerator[Lines]:
    """Connect to a store; raise `JournalError` when there is none, or not one this code can work with."""
    address = Address.of(url)
    lines = Lines(address, patience or PATIENCE, 2)
    lines.first(lambda line: _ready(line, address))
    try:
        yield lines
    finally:
        await lines.close()


async def _ready(line: Line, address: Address) -> None:
    found = await look(line, address)
    if found.version == 0:
        raise ConfigError(
            f"{address.place} has no store of Remit; `remit db migrate` makes one, or say another --store"
        )
    refuse_newer(found)
    if found.pending:
        raise JournalError(f"{address.place} is at version {found.version}; run `remit db migrate` first")


@asynccontextmanager
async def alone(lines: Lines) -> AsyncGenerator[None]:
    """Be the only one who archives; raise `JournalBusyError` when somebody does.

    A connection that breaks lets another in. That costs double work, never a session: whoever removes looks again.
    """
    line = await lines.patiently(lines.take)
    try:
        try:
            [[mine]] = await line.fetch("SELECT pg_try_advisory_lock($1)", _LOCK)
        except Exception as error:  # noqa: BLE001 - told in our words
            raise explain(lines.address, error, lines.patience.statement) from None
        if not mine:
            raise JournalBusyError(f"somebody archives sessions of {lines.address.place} now; try again later")
        yield
    finally:
        await hang_up(line)


async def store_of(lines: Lines) -> str:
    """Give what tells this database from others."""

    async def find(line: Line) -> str:
        await line.execute("INSERT INTO remit.identity DEFAULT VALUES ON CONFLICT DO NOTHING")
        [[store]] = await line.fetch("SELECT id::text FROM remit.identity")
        return str(store)

    return await lines.do(find)


async def now_of(lines: Lines) -> int:
    """Read the database's clock, in milliseconds since the epoch."""
    [[now]] = await lines.do(
        lambda line: line.fetch("SELECT floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint")
    )
    return int(now)
