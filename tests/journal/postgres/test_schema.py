"""The tables are made once, change forwards only, and are refused when they are ahead of the code."""

import asyncio

import pytest
from tests.journal.postgres.asking import ask

from remit.core.errors import CorruptJournalError, JournalError, NewerSchemaError
from remit.core.events import SCHEMA
from remit.journal.postgres import Address, PostgresJournal, migrate, status
from remit.journal.postgres.door import dial
from remit.journal.postgres.schema import MIGRATIONS, VERSION, Migration, bring, ensure
from remit.testing.journals import said

AHEAD = "INSERT INTO remit.migrations (version, name, oldest, events) VALUES ({}, 'later', {}, {})"


async def test_an_empty_database_becomes_a_store_when_it_is_opened(bare: str) -> None:
    assert (await status(bare)).version == 0
    assert (await status(bare)).pending == MIGRATIONS
    journal = await PostgresJournal.open(bare)
    assert await journal.append("s", said("a"), after=0) == 1
    found = await status(bare)
    assert (found.version, found.pending, found.events) == (VERSION, (), SCHEMA)
    await journal.close()


async def test_many_that_begin_at_the_same_time_make_one_store(bare: str) -> None:
    made = await asyncio.gather(*(migrate(bare) for _ in range(6)))
    assert sorted(map(len, made)) == [0] * 5 + [len(MIGRATIONS)]
    assert await migrate(bare) == ()


async def test_a_database_that_is_ahead_of_the_code_is_refused(bare: str) -> None:
    await migrate(bare)
    ask(bare, AHEAD.format(VERSION + 1, VERSION + 1, SCHEMA))
    for refused in (PostgresJournal.open(bare), migrate(bare)):
        with pytest.raises(NewerSchemaError, match=r"written by a newer Remit .* Upgrade remit to open it"):
            await refused
    assert (await status(bare)).version == VERSION + 1


async def test_events_of_a_newer_remit_are_refused(bare: str) -> None:
    await migrate(bare)
    ask(bare, AHEAD.format(VERSION + 1, VERSION, SCHEMA + 1))
    with pytest.raises(NewerSchemaError):
        await PostgresJournal.open(bare)


async def test_a_database_one_step_ahead_that_the_code_can_work_with_is_worked_with(bare: str) -> None:
    """As while the workers of a fleet are replaced one after the other."""
    await migrate(bare)
    ask(bare, AHEAD.format(VERSION + 1, VERSION, SCHEMA))
    journal = await PostgresJournal.open(bare)
    assert await journal.append("s", said("a"), after=0) == 1
    await journal.close()


async def test_a_database_that_is_behind_is_not_worked_with(bare: str) -> None:
    await migrate(bare)
    line = await dial(Address.of(bare), 10)
    with pytest.raises(JournalError, match=f"is at version {VERSION} and this Remit needs {VERSION + 1}; .*db migrate"):
        await ensure(line, Address.of(bare), (*MIGRATIONS, Migration(VERSION + 1, "more", 1, 1)))
    await line.close()


async def test_somebody_else_s_schema_is_left_alone(bare: str) -> None:
    ask(bare, "CREATE SCHEMA remit", "CREATE TABLE remit.songs (name text)")
    for refused in (PostgresJournal.open(bare), migrate(bare), status(bare)):
        with pytest.raises(CorruptJournalError, match="that is no store of Remit; nothing was changed"):
            await refused
    assert ask(bare, "SELECT count(*) FROM remit.songs")[0][0] == 0


async def test_a_migration_that_breaks_leaves_nothing_behind(bare: str) -> None:
    line = await dial(Address.of(bare), 10)
    with pytest.raises(FileNotFoundError):
        await bring(line, Address.of(bare), (*MIGRATIONS, Migration(VERSION + 1, "missing", 1, 1)))
    await line.close()
    assert (await status(bare)).version == 0
    assert await migrate(bare) == MIGRATIONS


def test_the_last_migration_says_which_events_are_written() -> None:
    assert MIGRATIONS[-1].events == SCHEMA
    assert [step.version for step in MIGRATIONS] == list(range(1, VERSION + 1))
    assert all(step.oldest <= step.version for step in MIGRATIONS)
