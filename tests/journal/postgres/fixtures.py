"""Gives tests a PostgreSQL: the one that `REMIT_TEST_POSTGRES` names, or one of their own; else they are skipped."""

import os
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
from tests.journal.postgres.asking import Opened, ask, named
from tests.journal.postgres.server import NoServerError, Server, sharing

from remit.journal.postgres import Patience, PostgresJournal, migrate

_EMPTY = """
DO $$
BEGIN
    EXECUTE (SELECT 'TRUNCATE ' || string_agg(format('%I.%I', schemaname, tablename), ', ')
             FROM pg_tables WHERE schemaname = 'remit' AND tablename <> 'migrations');
END
$$"""


def emptied(url: str) -> None:
    """Take all out of a store but its version, and the queue with its tables."""
    ask(url, _EMPTY, "DROP SCHEMA IF EXISTS remit_queue CASCADE")


@pytest.fixture(scope="session")
def administered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a database from which others are made, on one server for all processes of the run."""
    given = os.environ.get("REMIT_TEST_POSTGRES", "")
    if given:
        yield given
        return
    here = tmp_path_factory.getbasetemp()
    folder = here.parent if "PYTEST_XDIST_WORKER" in os.environ else here
    try:
        with sharing(folder) as url:
            yield url
    except NoServerError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def database(administered: str) -> Iterator[str]:
    """The URL of a database of this process."""
    name = f"remit_test_{os.getpid()}"
    ask(administered, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)", f"CREATE DATABASE {name}")
    yield named(administered, name)
    ask(administered, f"DROP DATABASE {name} WITH (FORCE)")


@pytest_asyncio.fixture
async def url(database: str) -> str:
    """The URL of an empty store."""
    await migrate(database)
    emptied(database)
    return database


@pytest.fixture
def bare(administered: str) -> Iterator[str]:
    """The URL of a database with nothing in it."""
    name = f"remit_bare_{os.getpid()}"
    ask(administered, f"CREATE DATABASE {name}")
    yield named(administered, name)
    ask(administered, f"DROP DATABASE {name} WITH (FORCE)")


@pytest_asyncio.fixture
async def opened(url: str) -> AsyncIterator[Opened]:
    """Opens stores, which are closed however the test ends: by default the empty one."""
    made: list[PostgresJournal] = []

    def make(patience: Patience | None = None, at: str = "") -> PostgresJournal:
        made.append(PostgresJournal(at or url, patience=patience))
        return made[-1]

    yield make
    for journal in made:
        await journal.close()


@pytest_asyncio.fixture
async def journal(url: str) -> AsyncIterator[PostgresJournal]:
    """An empty store."""
    journal = PostgresJournal(url)
    yield journal
    await journal.close()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server of this module's own, to be killed."""
    try:
        server = Server()
    except NoServerError as error:
        pytest.skip(str(error))
    yield server
    server.close()
