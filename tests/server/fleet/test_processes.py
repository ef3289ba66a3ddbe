"""Text from workers to readers in other processes, over PostgreSQL: killed workers, cut connections, slow readers."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

from tests.journal.postgres.asking import Opened
from tests.journal.postgres.life import PATIENCE, TENANT, home
from tests.journal.postgres.proxy import Proxy
from tests.server.fleet.talking import Shown, Talker, talking
from tests.server.rig import principal

from remit.core.ports import Delta
from remit.home import Home
from remit.journal.postgres import PostgresJournal
from remit.server.fleet.control import Control
from remit.server.fleet.deltas import Deltas
from remit.server.service.streams import Stream, Streams


@dataclass
class Replica:
    """What serves readers."""

    journal: PostgresJournal
    home: Home
    deltas: Deltas
    streams: Streams

    @contextlib.asynccontextmanager
    async def reading(self, session: str) -> AsyncGenerator[Stream]:
        """Read a session here."""
        async with self.streams.follow(principal(TENANT.name), session, 0) as stream:
            yield stream


@contextlib.asynccontextmanager
async def replica(opened: Opened, at: str = "") -> AsyncGenerator[Replica]:
    """Have one over its own connections."""
    journal = opened(PATIENCE, at=at)
    async with home(journal) as here, Deltas(journal.signals, here, renew=0.2) as deltas:
        yield Replica(journal, here, deltas, Streams(here, elsewhere=deltas))


@contextlib.asynccontextmanager
async def worker(url: str, session: str, pause: float = 0.01) -> AsyncGenerator[asyncio.subprocess.Process]:
    """Have a process drive a session."""
    command = (sys.executable, "-m", "tests.server.fleet.life", url, session, str(pause))
    root = Path(__file__).parents[3]
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, cwd=root)
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _grown(shown: Shown, length: int) -> None:
    """Wait until so much is shown, or the answer is there."""
    async with asyncio.timeout(30), shown.changed:
        await shown.changed.wait_for(lambda: len(shown.text) >= length or shown.answers)


async def test_readers_of_two_replicas_read_what_a_third_process_says(opened: Opened) -> None:
    async with replica(opened) as driving, replica(opened) as one, replica(opened) as two:
        model = Talker(held=True)
        session = await driving.home.begin(talking(model), "go", tenant=TENANT.name)
        async with one.reading(session) as first, two.reading(session) as second, driving.reading(session) as third:
            readers = [Shown(), Shown(), Shown()]
            reading = [
                asyncio.create_task(shown.read(stream))
                for shown, stream in zip(readers, (first, second, third), strict=True)
            ]
            running = asyncio.create_task(driving.home.resume(talking(model), session))
            for place in range(1, 40):
                model.let(1)
                for shown in readers:
                    await shown.until("".join(model.words[:place]))
            model.let(60)
            await running
            for shown in await asyncio.gather(*reading):
                assert shown.answers[0][1].startswith(shown.answers[0][0])


async def test_a_worker_killed_while_it_speaks_is_not_mixed_with_the_next(url: str, opened: Opened) -> None:
    words = "".join(Talker().words)
    async with replica(opened) as here:
        session = await here.home.begin(talking(Talker()), "go", tenant=TENANT.name)
        async with here.reading(session) as stream:
            shown = Shown()
            reading = asyncio.create_task(shown.read(stream))
            async with worker(url, session, 0.04) as first:
                await _grown(shown, 50)
                first.kill()
                await first.wait()
                said = shown.text
            async with worker(url, session, 0.04) as second:
                await asyncio.wait_for(reading, 60)
                assert await asyncio.wait_for(second.wait(), 30) == 0
            assert shown.void[0].startswith(said)
            assert all(words.startswith(void) for void in shown.void)
            [(text, answer)] = shown.answers
            assert answer == words
            assert text
            assert answer.startswith(text)


async def test_a_worker_that_slept_and_wakes_up_is_not_mixed_with_the_one_that_took_over(
    url: str, opened: Opened
) -> None:
    words = "".join(Talker().words)
    async with replica(opened) as here:
        session = await here.home.begin(talking(Talker()), "go", tenant=TENANT.name)
        async with here.reading(session) as stream:
            shown = Shown()
            reading = asyncio.create_task(shown.read(stream))
            async with worker(url, session, 0.04) as first:
                await _grown(shown, 50)
                first.send_signal(signal.SIGSTOP)
                async with worker(url, session, 0.04):
                    async with asyncio.timeout(30), shown.changed:
                        await shown.changed.wait_for(lambda: bool(shown.void and shown.text))
                    first.send_signal(signal.SIGCONT)
                    await asyncio.wait_for(reading, 60)
            assert all(words.startswith(void) for void in shown.void)
            [(text, answer)] = shown.answers
            assert answer == words
            assert answer.startswith(text)
            assert len(text) > 50


async def test_cut_connections_cost_text_and_never_order(url: str, opened: Opened) -> None:
    async with Proxy(url) as ours, Proxy(url) as theirs, replica(opened, ours.url) as here:
        session = await here.home.begin(talking(Talker()), "go", tenant=TENANT.name)
        async with here.reading(session) as stream, worker(theirs.url, session, 0.04):
            shown = Shown()
            reading = asyncio.create_task(shown.read(stream))
            for proxy, length in ((ours, 20), (theirs, 100), (ours, 200)):
                await _grown(shown, length)
                proxy.cut()
            await asyncio.wait_for(reading, 60)
            answers = [answer for answer in shown.answers if answer[1]]
            assert all(answer.startswith(text) for text, answer in answers)
            assert shown.seqs == list(range(1, len(shown.seqs) + 1))
        await here.journal.close()


async def test_a_reader_who_is_too_slow_is_let_go_and_holds_nobody_up(opened: Opened) -> None:
    async with replica(opened) as driving, replica(opened) as other:
        model = Talker(held=True)
        session = await driving.home.begin(talking(model), "go", tenant=TENANT.name)
        async with other.reading(session) as stuck, other.reading(session) as stream:
            stuck.room = 3
            shown = Shown()
            reading = asyncio.create_task(shown.read(stream))
            running = asyncio.create_task(driving.home.resume(talking(model), session))
            for place in range(1, 10):
                model.let(1)
                await shown.until("".join(model.words[:place]))
            assert stuck.dropped
            assert not [item async for item in stuck if isinstance(item.what, Delta)]
            model.let(60)
            await asyncio.gather(running, reading)


async def test_whoever_drives_a_session_pauses_it_when_another_process_asks(url: str, opened: Opened) -> None:
    async with replica(opened) as here:
        session = await here.home.begin(talking(Talker()), "go", tenant=TENANT.name)
        async with Control(here.journal.signals, lambda session, why: False) as control:
            assert not await control.pause(session, "nobody is there", timeout=0.3)
            async with here.reading(session) as stream, worker(url, session, 0.04):
                shown = Shown()
                reading = asyncio.create_task(shown.read(stream))
                await _grown(shown, 10)
                assert await control.pause(session, "tea", timeout=5)
                assert not await control.pause("another", "tea", timeout=0.3)
                reading.cancel()
                await asyncio.gather(reading, return_exceptions=True)
