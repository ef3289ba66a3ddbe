"""What is not what was written is noticed, said, and left as it is."""

import zlib
from hashlib import sha256

import msgspec
import pytest
import pytest_asyncio
from tests.journal.postgres.asking import Opened, ask, entering, named

from remit.core.errors import CorruptJournalError, JournalError
from remit.core.ports import Entry, SessionQuery
from remit.journal.postgres import Patience, PostgresJournal, migrate
from remit.testing.journals import said, session_opened

HASTY = Patience(statement=1, outage=0.5)


@pytest_asyncio.fixture
async def stored(journal: PostgresJournal) -> PostgresJournal:
    """A store with a session in four appends, and a blob."""
    await journal.append("s", [session_opened()], after=0)
    for number in range(1, 4):
        await journal.append("s", said(f"message {number}"), after=number)
    await journal.put(b"a blob of bytes")
    return journal


@pytest.mark.parametrize(("seq", "first"), [(1, 2), (2, 3), (3, 4)])
async def test_a_gap_is_noticed(stored: PostgresJournal, url: str, seq: int, first: int) -> None:
    ask(url, f"DELETE FROM remit.batches WHERE seq = {seq}")
    with pytest.raises(CorruptJournalError, match=f"session 's' has a gap before event {first}; nothing was changed"):
        await stored.read("s")


async def test_a_byte_that_changed_inside_an_event_is_noticed(stored: PostgresJournal, url: str) -> None:
    ask(url, "UPDATE remit.batches SET body = set_byte(body, 9, (get_byte(body, 9) + 1) % 256) WHERE seq = 3")
    with pytest.raises(CorruptJournalError, match="session 's' is damaged at event 3; nothing was changed"):
        await stored.read("s")
    assert await stored.sessions(SessionQuery())


async def test_events_of_the_future_are_refused_not_guessed(stored: PostgresJournal, url: str) -> None:
    body = msgspec.msgpack.encode([[999]])
    sealed = zlib.crc32(body).to_bytes(4, "big") + body
    ask(url, f"UPDATE remit.batches SET body = '\\x{sealed.hex()}' WHERE seq = 2")
    with pytest.raises(CorruptJournalError, match="holds an event at 2 that this Remit cannot read"):
        await stored.read("s")


async def test_a_blob_that_changed_is_noticed(stored: PostgresJournal, url: str) -> None:
    ask(url, "UPDATE remit.blobs SET body = 'other'")
    with pytest.raises(CorruptJournalError, match="is damaged"):
        await stored.get(sha256(b"a blob of bytes").hexdigest())


async def test_an_account_that_somebody_takes_away_begins_again_at_nothing(url: str, opened: Opened) -> None:
    journal = opened(Patience(outage=5))
    await journal.append("s", said("a"), after=0, entries=[Entry("x", 3)])
    ask(url, "DELETE FROM remit.accounts")
    assert await journal.append("s", said("b"), after=1, entries=[Entry("x", 4, 5)]) == 2
    assert await journal.used("x") == 4


async def test_a_database_that_may_only_be_read_is_said_to_be_so(bare: str, opened: Opened) -> None:
    await migrate(bare)
    database = bare.rpartition("/")[2]
    ask(named(bare, "postgres"), f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    journal = opened(HASTY, bare)
    with pytest.raises(JournalError, match="may not be written by this user"):
        await journal.append("s", said("a"), after=0)
    assert await journal.read("s") == []


async def test_a_user_without_rights_is_told(bare: str, opened: Opened) -> None:
    await migrate(bare)
    ask(bare, "DROP ROLE IF EXISTS guest", "CREATE ROLE guest LOGIN")
    journal = opened(HASTY, entering(bare, "guest"))
    with pytest.raises(JournalError, match=r"may not be written by this user: permission denied|does not let us in"):
        await journal.read("s")
    ask(bare, "DROP ROLE guest")
