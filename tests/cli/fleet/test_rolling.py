"""Every process of a fleet is replaced while it works, one without warning, and whoever works with it does not notice."""

import asyncio
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from tests.cli.fleet.clients import Client, Reading, ended
from tests.cli.fleet.processes import Processes, Started, processes
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


async def _filed(fleet: Processes, count: int) -> None:
    """Wait until so many papers are in the cabinet."""
    async with asyncio.timeout(60):
        while len(fleet.cabinet()) < count:
            await asyncio.sleep(0.05)


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
    """Whether both messages were said and the last run is over."""
    return reading.kinds.count("MessageReceived") == 2 and reading.kinds[-1] == "RunEnded"


async def _idle(url: str) -> None:
    """Wait until nothing is left to do."""
    async with asyncio.timeout(60):
        while ask(url, "SELECT FROM remit.sessions WHERE status <> 'idle' OR stirred LIMIT 1"):
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
    late: list[tuple[int, list[object]]] = []
    told, journal = _Told(), await PostgresJournal.open(url)
    try:
        for session in sessions:
            records = await journal.read(session)
            assert [record.seq for record in records] == list(range(1, len(records) + 1))
            assert type(records[-1].event) is RunEnded
            late.append((max(getattr(r.event, "at", 0) for r in records), [(type(r.event).__name__, getattr(r.event, "at", 0) % 1000000, getattr(r.event, "why", ""), getattr(r.event, "reason", ""), getattr(r.event, "worker", "")) for r in records]))
            for record in records:
                told.take(session, record)
    finally:
        await journal.close()
    for one in sorted(late)[-3:]: print(one)
    return told


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_all_processes_are_replaced_under_load_and_nobody_notices(url: str, tmp_path: Path) -> None:
    async with processes(tmp_path, url, CLERK_PAPERS=str(PAPERS), CLERK_SECONDS="2.5", CLERK_FILING="0.3") as fleet:
        began = time.monotonic()
        replicas = await asyncio.gather(*(fleet.replica("--streams", "1000") for _ in range(2)))
        workers = await asyncio.gather(*(fleet.worker("--grace", "15") for _ in range(3)))
        print("started", time.monotonic() - began)
        async with Client(*(one.url for one in replicas)) as client:
            sessions = await _begin(client, SESSIONS)
            print("begun", time.monotonic() - began, len(fleet.cabinet()))
            assert len(set(sessions)) == SESSIONS
            readings = [Reading(session) for session in sessions[-READ:]]
            reading = [asyncio.create_task(client.read(one, _answered)) for one in readings]
            person = asyncio.create_task(_person(client, fleet))
            working = [line[0] for line in ask(url, "SELECT owner FROM remit.sessions WHERE owner <> ''")]
            assert len(set(working)) == 3
            print("in flight", len(working))
            sending: list[asyncio.Task[None]] = []
            for number, end in enumerate((signal.SIGTERM, signal.SIGKILL, signal.SIGTERM)):
                sending += [
                    asyncio.create_task(client.send(one.session, "and these", f"more-{one.session}"))
                    for one in readings[number::3]
                ]
                status, _ = await asyncio.gather(workers[number].end(end), fleet.worker("--grace", "15"))
                print("replaced", end, time.monotonic() - began, len(fleet.cabinet()))
                assert status == (0 if end == signal.SIGTERM else -signal.SIGKILL), workers[number].err()
                if number == 0:
                    replacing = asyncio.create_task(_replaced(client, fleet, replicas[0]))
            await replacing
            await asyncio.gather(*sending)
            print("replaced", time.monotonic() - began, len(fleet.cabinet()))
            await asyncio.gather(*reading)
            print("read", time.monotonic() - began)
            await _idle(url)
            print("done", time.monotonic() - began)
            person.cancel()
            assert client.failed == []
        for one in readings:
            assert one.seqs == list(range(1, len(one.seqs) + 1))
        told, papers = await _told(url, sessions), fleet.cabinet()
        print(told.kinds, len(told.drivers), len(papers))
        for one in fleet.started:
            print(one.said, one.err()[-600:])
        assert len(told.drivers) == 6
        assert [line for line, count in Counter(papers).items() if count > 1] == []
        assert {line.rpartition(" ")[0] for line in papers} == told.filed
        assert len(papers) >= PAPERS * SESSIONS
        assert told.kinds["RunEnded"] >= SESSIONS
        assert told.kinds["RunFailed"] == 0
