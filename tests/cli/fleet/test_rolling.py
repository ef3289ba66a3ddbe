"""Every process of a fleet is replaced while it works, one without warning, and nobody notices."""

import asyncio
import signal
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.cli.fleet.clients import Client, Reading
from tests.cli.fleet.processes import Processes, Started, processes
from tests.cli.fleet.sites.clerk import ONE_MORE
from tests.journal.postgres.asking import ask

from remit.core.events import EffectEnded, EffectReconciled, Record, RunEnded, RunOpened, RunResumed
from remit.journal.postgres import PostgresJournal

SESSIONS, READ, PAPERS = 500, 40, 4


async def _begin(client: Client, count: int) -> list[str]:
    """Begin so many sessions, a few at a time."""
    room = asyncio.Semaphore(24)

    async def one(number: int) -> str:
        async with room:
            return await client.begin("file my papers", f"begin-{number}")

    return await asyncio.gather(*(one(number) for number in range(count)))


async def _person(client: Client, fleet: Processes) -> None:
    """Look into the cabinet for whatever is in doubt, and say what is there."""
    while True:
        for doubt in (await client.sure("GET", "/v1/doubts"))["waiting"]:
            filed = any(line.startswith(f"{doubt['session']} {doubt['call']} ") for line in fleet.cabinet())
            body = {"happened": filed, "output": "filed" if filed else None}
            await client.sure("POST", f"/v1/sessions/{doubt['session']}/doubts/{doubt['call']}", body)
        await asyncio.sleep(0.5)


async def _replaced(client: Client, fleet: Processes, old: Started) -> Started:
    """Have a new replica take the place of an old one."""
    new = await fleet.replica("--streams", "1000")
    client.leaving.add(old.url)
    client.urls.append(new.url)
    stopping = asyncio.create_task(old.end())
    # The balancer finds out a moment later.
    await asyncio.sleep(0.3)
    client.urls.remove(old.url)
    assert await stopping == 0, old.err()
    return new


def _answered(reading: Reading) -> bool:
    """Whether both messages were said, and the run that has the last one is over."""
    if reading.kinds.count("MessageReceived") < 2 or reading.kinds[-1] != "RunEnded":
        return False
    backwards = reading.kinds[::-1]
    return backwards.index("RunOpened") < backwards.index("MessageReceived")


async def _idle(url: str) -> None:
    """Wait until nothing is left to do."""
    async with asyncio.timeout(60):
        while ask(url, "SELECT FROM remit.sessions WHERE status <> 'idle' OR stirred LIMIT 1"):  # noqa: ASYNC110
            await asyncio.sleep(0.2)


@dataclass
class _Told:
    """What the journals tell."""

    filed: set[str] = field(default_factory=set[str])
    """Session and call of each paper."""
    kinds: Counter[str] = field(default_factory=Counter[str])
    drivers: set[str] = field(default_factory=set[str])

    def take(self, session: str, record: Record) -> None:
        """Take in what one event tells."""
        event = record.event
        self.kinds[type(event).__name__] += 1
        match event:
            case RunOpened() | RunResumed():
                self.drivers.add(event.worker)
            case EffectEnded() if event.outcome.status == "ok":
                self.filed.add(f"{session} {event.outcome.call}")
            case EffectReconciled() if event.happened:
                self.filed.add(f"{session} {event.call}")
            case RunEnded():
                assert event.status == "done", event
            case EffectEnded():
                raise AssertionError(event)
            case _:
                pass


async def _told(url: str, sessions: list[str]) -> _Told:
    """Read all journals."""
    told, journal = _Told(), await PostgresJournal.open(url)
    try:
        for session in sessions:
            records = await journal.read(session)
            assert [record.seq for record in records] == list(range(1, len(records) + 1))
            assert type(records[-1].event) is RunEnded
            for record in records:
                told.take(session, record)
    finally:
        await journal.close()
    return told


async def _begun(client: Client, url: str) -> list[str]:
    """Begin so many sessions, and see that they are with all workers."""
    sessions = await _begin(client, SESSIONS)
    assert len(set(sessions)) == SESSIONS
    owners = [owner for [owner] in ask(url, "SELECT owner FROM remit.sessions WHERE owner <> ''")]
    assert len(set(owners)) == 3
    assert len(owners) > SESSIONS // 2, "the first are done before the last begin: the machine is too slow for this"
    return sessions


async def _roll(client: Client, fleet: Processes, workers: list[Started], replicas: list[Started]) -> None:
    """Replace all workers and a replica."""
    replacing: list[asyncio.Task[Started]] = []
    for worker, number in zip(workers, (signal.SIGTERM, signal.SIGKILL, signal.SIGTERM), strict=True):
        status, _ = await asyncio.gather(worker.end(number), fleet.worker("--grace", "15"))
        assert status == (0 if number == signal.SIGTERM else -signal.SIGKILL), worker.err()
        if not replacing:
            replacing = [asyncio.create_task(_replaced(client, fleet, replicas[0]))]
    await asyncio.gather(*replacing)


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_all_processes_are_replaced_under_load_and_nobody_notices(url: str, tmp_path: Path) -> None:
    async with processes(tmp_path, url, CLERK_PAPERS=str(PAPERS), CLERK_SECONDS="2", CLERK_FILING="0.3") as fleet:
        replicas = await asyncio.gather(*(fleet.replica("--streams", "1000") for _ in range(2)))
        workers = await asyncio.gather(*(fleet.worker("--grace", "15") for _ in range(3)))
        async with Client(*(one.url for one in replicas)) as client:
            sessions = await _begun(client, url)
            readings = [Reading(session) for session in sessions[-READ:]]
            reading = [asyncio.create_task(client.read(one, _answered)) for one in readings]
            person = asyncio.create_task(_person(client, fleet))
            rolling = asyncio.create_task(_roll(client, fleet, list(workers), list(replicas)))
            for one in readings:
                # Else both messages may be the task of one run.
                await one.until(lambda reading: "RunOpened" in reading.kinds)
                await client.send(one.session, ONE_MORE, f"more-{one.session}")
            await rolling
            await asyncio.gather(*reading)
            await _idle(url)
            person.cancel()
            await asyncio.gather(person, return_exceptions=True)
            assert client.failed == []
        for one in readings:
            assert one.seqs == list(range(1, len(one.seqs) + 1))
        for one in fleet.started:
            assert "Traceback" not in one.err(), one.err()
        told, papers = await _told(url, sessions), fleet.cabinet()
        assert [paper for paper, count in Counter(papers).items() if count > 1] == []
        assert {paper.rpartition(" ")[0] for paper in papers} == told.filed
        assert len(papers) == PAPERS * SESSIONS + READ
        # A new worker takes all there is before the next one is up.
        assert len(told.drivers) > len(workers)
        assert told.kinds["RunResumed"] > SESSIONS // 10, "hardly anything was under way when it was replaced"
