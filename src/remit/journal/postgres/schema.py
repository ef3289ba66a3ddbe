"""Schema: the tables of a store and how they change: forwards only, one at a time, never under a newer Remit.

Each migration says which is the oldest Remit that still works with it: while workers are replaced one after the other,
the old ones go on beside a database that is already new.
"""

from dataclasses import dataclass
from importlib.resources import files

from remit.core.errors import CorruptJournalError, JournalError, NewerSchemaError
from remit.core.events import SCHEMA
from remit.journal.postgres.address import Address
from remit.journal.postgres.door import Line
from remit.journal.postgres.lines import Lines, Patience

LOCK = 0x52454D54
"""The advisory lock under which a store is changed: `REMT`."""


UNHURRIED = Patience(statement=3600.0)
"""Tables of a large store take their time to change."""


@dataclass(frozen=True, slots=True)
class Migration:
    """A step from one version of the tables to the next."""

    version: int
    name: str
    """What it does, and the name of its file."""
    oldest: int
    """The oldest version of the code that can work with what it makes."""
    events: int
    """The schema of events that is written from here on."""


MIGRATIONS = (
    Migration(1, "begin", 1, 1),
    Migration(2, "queue", 1, 1),
    Migration(3, "shared", 1, 1),
    Migration(4, "archive", 1, 1),
    Migration(5, "access", 1, 1),
)
"""All of them, oldest first. Never edit one that was released: add another."""

VERSION = MIGRATIONS[-1].version
"""The version of the tables that this code was written for."""


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """Where a database stands."""

    place: str
    version: int
    """0 when there is no store in it."""
    oldest: int
    """The oldest version of the code that can work with it."""
    events: int
    pending: tuple[Migration, ...]
    """What `migrate` would do."""


async def status(url: str, *, patience: Patience | None = None) -> SchemaStatus:
    """Say where a database stands; raise `JournalError` when it cannot be reached."""
    address = Address.of(url)
    lines = Lines(address, patience or Patience(), 1)
    try:
        return await lines.do(lambda line: look(line, address))
    finally:
        await lines.close()


async def migrate(url: str, *, patience: Patience | None = None) -> tuple[Migration, ...]:
    """Bring a database to this code's version, all or nothing, and say what was done; nothing when it is there.

    Raise `NewerSchemaError` when it is past that.
    """
    address = Address.of(url)
    lines = Lines(address, patience or UNHURRIED, 1)
    try:
        return await lines.do(lambda line: bring(line, address))
    finally:
        await lines.close()


async def look(line: Line, address: Address, steps: tuple[Migration, ...] = MIGRATIONS) -> SchemaStatus:
    """Read where a database stands."""
    [[there]] = await line.fetch("SELECT to_regclass('remit.migrations') IS NOT NULL")
    if not there:
        [[strange]] = await line.fetch("SELECT to_regnamespace('remit') IS NOT NULL")
        if strange:
            raise CorruptJournalError(
                f"{address.place} has a schema 'remit' that is no store of Remit; nothing was changed. "
                "Choose another database"
            )
        return SchemaStatus(address.place, 0, 0, 0, steps)
    [[version, oldest, events]] = await line.fetch(
        "SELECT coalesce(max(version), 0), coalesce(max(oldest), 0), coalesce(max(events), 0) FROM remit.migrations"
    )
    pending = tuple(step for step in steps if step.version > version)
    return SchemaStatus(address.place, version, oldest, events, pending)


async def ensure(line: Line, address: Address, steps: tuple[Migration, ...] = MIGRATIONS) -> None:
    """Make a store where there is none; raise `JournalError` when the one that is there cannot be worked with."""
    found = await look(line, address, steps)
    if found.version == 0:
        await bring(line, address, steps)
        return
    refuse_newer(found)
    if found.pending:
        raise JournalError(
            f"{address.place} is at version {found.version} and this Remit needs {steps[-1].version}; "
            "nothing was changed. Run `remit db migrate`"
        )


def refuse_newer(found: SchemaStatus) -> None:
    """Raise `NewerSchemaError` when this code is too old for a database."""
    if found.oldest > VERSION or found.events > SCHEMA:
        raise NewerSchemaError(
            f"{found.place} was written by a newer Remit (version {found.version}, which needs {found.oldest} or "
            f"later; this one is {VERSION}); nothing was changed. Upgrade remit to open it"
        )


async def bring(line: Line, address: Address, steps: tuple[Migration, ...] = MIGRATIONS) -> tuple[Migration, ...]:
    """Apply what is missing in one transaction, under a lock that lets one do it at a time."""
    # Whoever gave us the line ends it when this raises, and with it the transaction.
    await line.execute("BEGIN")
    await line.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
    # Looked at under the lock: another process may have done it meanwhile.
    found = await look(line, address, steps)
    refuse_newer(found)
    if found.version == 0:
        await line.execute("CREATE SCHEMA remit")
        await line.execute(
            "CREATE TABLE remit.migrations (version int PRIMARY KEY, name text NOT NULL, oldest int NOT NULL, "
            "events int NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp())"
        )
    for step in found.pending:
        await line.execute(_text(step))
        await line.execute(
            "INSERT INTO remit.migrations (version, name, oldest, events) VALUES ($1, $2, $3, $4)",
            step.version,
            step.name,
            step.oldest,
            step.events,
        )
    await line.execute("COMMIT")
    return found.pending


def _text(step: Migration) -> str:
    folder = files("remit.journal.postgres") / "migrations"
    return (folder / f"{step.version:04}_{step.name}.sql").read_text(encoding="utf-8")
