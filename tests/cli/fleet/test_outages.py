"""A database that is away or wrong, keys that are missing, an operator in a hurry: what each process says and does."""

import asyncio
import re
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
import pytest_asyncio
from tests.cli.fleet.clients import Client, Reading, ended
from tests.cli.fleet.processes import CLERK, Processes, Started, processes
from tests.journal.postgres.asking import ask
from tests.journal.postgres.server import Server

from remit.home import SHARED_KEY


@pytest_asyncio.fixture
async def fleet(server: Server, tmp_path: Path) -> AsyncIterator[Processes]:
    """Start processes over a database that can be killed."""
    async with processes(tmp_path, server.url) as made:
        yield made


async def told(worker: Started, path: str) -> str:
    """Ask a worker's own site."""
    async with httpx2.AsyncClient(timeout=30) as client:
        return (await client.get(worker.said["metrics"].removesuffix("/metrics") + path)).text


@pytest.mark.slow
async def test_a_database_that_is_killed_and_comes_back_ends_no_process_and_loses_nothing(
    server: Server, fleet: Processes
) -> None:
    more = {"CLERK_SECONDS": "0.5", "CLERK_PAPERS": "4"}
    replica, worker = await asyncio.gather(fleet.replica(more=more), fleet.worker("--metrics", "0", more=more))
    async with Client(replica.url) as client:
        assert await told(worker, "/health/ready") == "ready\n"
        assert re.search(r"^remit_workers_alive [1-9]", await told(worker, "/metrics"), re.MULTILINE)
        reading = Reading(await client.begin("file"))
        following = asyncio.create_task(client.read(reading, ended(1)))
        await reading.until(lambda reading: "EffectEnded" in reading.kinds)
        server.kill()
        try:
            ready = await client.ask("GET", "/health/ready")
            assert (ready.status_code, ready.json()["detail"]) == (503, "the store does not answer")
            assert (await client.ask("GET", "/health/live")).status_code == 200
            while await told(worker, "/health/ready") != "the database does not answer\n":
                pass
            # Whoever asks meanwhile waits, and is not told of it.
            begun = asyncio.create_task(client.ask("POST", "/v1/sessions", {"agent": "clerk", "text": "file"}))
        finally:
            server.start()
        assert (await begun).status_code == 201
        await asyncio.gather(following, client.read(Reading((await begun).json()["id"]), ended(1)))
        assert (await client.ask("GET", "/health/ready")).status_code == 200
        while await told(worker, "/health/ready") != "ready\n":
            pass
        assert reading.seqs == list(range(1, len(reading.seqs) + 1))
    assert len(set(fleet.cabinet())) == len(fleet.cabinet()) == 8
    for one in (replica, worker):
        assert one.process.returncode is None
        said = [line for line in one.err().splitlines() if line]
        assert len(set(said)) == len(said), "the same is not said again and again"
        assert "Traceback" not in one.err()
        assert await one.end() == 0


@pytest.mark.parametrize(
    "words",
    [
        ("serve", CLERK, "--port", "0"),
        ("serve", CLERK, "--port", "0", "--workers", "0"),
        ("worker", CLERK),
        ("run", CLERK, "hello"),
    ],
)
async def test_without_the_key_nothing_begins_and_the_words_say_how_to_make_one(
    words: tuple[str, ...], fleet: Processes
) -> None:
    for key, said in (("", "needs REMIT_KEY, 64 hex digits"), ("abc", "REMIT_KEY is not 64 hex digits")):
        code, out, err = await fleet.run(*words, more={SHARED_KEY: key})
        assert (code, out) == (2, "")
        assert said in err
        assert "openssl rand -hex 32" in err


@pytest.mark.parametrize("words", [("serve", CLERK, "--port", "0"), ("worker", CLERK)])
async def test_a_database_that_is_not_there_is_named_without_the_password(
    words: tuple[str, ...], server: Server, fleet: Processes
) -> None:
    for url, said in (
        ("postgresql://ann:hush@127.0.0.1:1/x", "127.0.0.1:1/x does not answer or is busy; trying for"),
        (server.url.replace("/postgres", "/nothere"), "there is no such database; create it with createdb"),
    ):
        code, out, err = await fleet.run(*words, "--store", url)
        assert (code, out) == (1, "")
        assert said in err
        assert "could not be reached for" in err or "nothere" in url
        assert "Traceback" not in err
        assert "hush" not in err


async def test_one_server_on_a_database_does_everything(fleet: Processes) -> None:
    alone = await fleet.start("serve", CLERK, "--port", "0")
    async with Client(alone.url) as client:
        await client.read(Reading(await client.begin("file")), ended(1))
    assert len(fleet.cabinet()) == 3
    assert await alone.end(signal.SIGINT) == 0


@pytest.mark.parametrize("words", [("serve", CLERK, "--port", "0"), ("worker", CLERK)])
async def test_a_second_interrupt_ends_at_once_and_the_next_process_goes_on(
    words: tuple[str, ...], server: Server, fleet: Processes
) -> None:
    # So long that nobody waits for the end of a step.
    slow = {"CLERK_SECONDS": "600"}
    hurried, replica = await asyncio.gather(fleet.start(*words, more=slow), fleet.replica())
    async with Client(replica.url) as client:
        reading = Reading(await client.begin("file"))
        following = asyncio.create_task(client.read(reading, ended(1)))
        await reading.until(lambda reading: "ModelAsked" in reading.kinds)
        hurried.process.send_signal(signal.SIGINT)
        async with asyncio.timeout(20):
            while "stopping" not in hurried.err():  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert await hurried.end(signal.SIGINT) == 130
        await fleet.worker()
        await following
    assert len(fleet.cabinet()) == 3
    assert ask(server.url, "SELECT FROM remit.sessions WHERE owner <> ''") == []
