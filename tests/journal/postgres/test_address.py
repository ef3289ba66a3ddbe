"""Where a database is, is for everybody to read; what lets one in is for nobody."""

import traceback

import pytest
from tests.journal.postgres.asking import entering, named

from remit.core.errors import ConfigError, JournalError
from remit.journal.postgres import Address, Patience, PostgresJournal, migrate, status

PASSWORD = "correct-horse-battery"
HASTY = Patience(statement=0.3, outage=0.3)


@pytest.mark.parametrize(
    ("url", "place"),
    [
        (f"postgresql://bob:{PASSWORD}@db.example:6432/fleet?sslmode=require", "PostgreSQL at db.example:6432/fleet"),
        ("postgres://db.example", "PostgreSQL at db.example:5432/postgres"),
        (f"postgresql://bob@/x?host=/run/pg&password={PASSWORD}", "PostgreSQL at /run/pg:5432/x"),
        ("postgresql://[::1]:1/a%20b", "PostgreSQL at ::1:1/a b"),
    ],
)
def test_a_place_is_named_without_who_may_enter(url: str, place: str) -> None:
    address = Address.of(url)
    assert address.place == place
    assert address.password == (PASSWORD if PASSWORD in url else "")
    assert PASSWORD not in repr(address)


@pytest.mark.parametrize(
    "url",
    [
        f"mysql://bob:{PASSWORD}@host/x",
        f"postgresql://bob:{PASSWORD}@host:port/x",
        f"postgresql://bob:{PASSWORD}@[::1/x",
        f"postgresql://bob:{PASSWORD}@/x?host=h&port=none",
    ],
)
def test_what_is_no_url_of_a_database_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        PostgresJournal(url)
    assert PASSWORD not in "".join(traceback.format_exception(caught.value, chain=True))


@pytest.mark.parametrize(
    "end", ["127.0.0.1:1/x", "127.0.0.1:1/x?sslmode=nonsense", "127.0.0.1:1/x?sslrootcert=/nowhere&sslmode=verify-full"]
)
async def test_no_error_names_the_password(end: str) -> None:
    url = f"postgresql://bob:{PASSWORD}@{end}"
    for work in (PostgresJournal.open(url, patience=HASTY), migrate(url, patience=HASTY), status(url, patience=HASTY)):
        with pytest.raises((JournalError, ConfigError)) as caught:
            await work
        told = "".join(traceback.format_exception(caught.value, chain=True))
        assert PASSWORD not in told
        assert "127.0.0.1:1/x" in str(caught.value)


async def test_a_database_that_is_not_there_is_said_so(administered: str) -> None:
    url = named(administered, "nowhere")
    with pytest.raises(JournalError, match="there is no such database; create it with createdb"):
        await PostgresJournal.open(url)


async def test_a_user_who_may_not_enter_is_told(administered: str) -> None:
    url = entering(administered, f"stranger:{PASSWORD}")
    with pytest.raises(JournalError, match="does not let us in") as caught:
        await PostgresJournal.open(url)
    assert PASSWORD not in str(caught.value)
