"""A worker ends in time, whatever is away, and says clearly why it does not begin."""

import asyncio
import signal
from pathlib import Path

import pytest
from tests.cli.fleet.processes import CLERK, processes
from tests.cli.fleet.sites.clerk import agent as clerk
from tests.journal.postgres.asking import ask
from tests.journal.postgres.server import Server
from tests.server.fleet.rig import home, until

from remit.cli import exits
from remit.journal.postgres import migrate

CONNECTIONS = (
    "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'remit%' AND datname = current_database()"
)


async def test_a_worker_ends_in_time_though_its_database_is_away(server: Server, tmp_path: Path) -> None:
    await migrate(server.url)
    async with processes(tmp_path, server.url, CLERK_SECONDS="2") as made, home(server.url) as here:
        one = await made.worker("--grace", "1")
        session = await here.begin(clerk, "go", tenant="default")
        await until(here, session, "RunOpened")
        server.kill()
        try:
            async with asyncio.timeout(25):
                assert await one.end() in {exits.DONE, exits.PAUSED}
        finally:
            server.start()


async def test_a_worker_that_is_told_twice_ends_at_once(url: str, tmp_path: Path) -> None:
    async with processes(tmp_path, url, CLERK_SECONDS="30") as made:
        one, other = await made.worker("--grace", "50"), await made.worker("--grace", "50")
        assert await other.end() == exits.DONE
        one.process.send_signal(signal.SIGTERM)
        assert await one.end() in {exits.DONE, exits.PAUSED}


@pytest.mark.parametrize(
    ("environ", "said"),
    [({"REMIT_KEY": ""}, "REMIT_KEY"), ({"REMIT_STORE": "folder"}, "workers share a database")],
)
async def test_what_a_worker_lacks_is_said(environ: dict[str, str], said: str, url: str, tmp_path: Path) -> None:
    async with processes(tmp_path, url) as made:
        status, _, err = await made.run("worker", CLERK, more=environ)
    assert status
    assert said in err
    assert "Traceback" not in err


async def test_a_worker_that_is_too_old_for_a_database_says_so(url: str, tmp_path: Path) -> None:
    ask(url, "INSERT INTO remit.migrations (version, name, oldest, events) VALUES (999, 'later', 999, 1)")
    try:
        async with processes(tmp_path, url) as made:
            status, _, err = await made.run("worker", CLERK)
    finally:
        ask(url, "DELETE FROM remit.migrations WHERE version = 999")
    assert status
    assert "newer Remit" in err
    assert "Traceback" not in err


async def test_a_worker_has_few_connections(url: str, tmp_path: Path) -> None:
    async with processes(tmp_path, url) as made:
        before = ask(url, CONNECTIONS)[0][0]
        await made.worker()
        assert ask(url, CONNECTIONS)[0][0] - before <= 14
