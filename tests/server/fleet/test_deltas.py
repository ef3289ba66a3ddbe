"""Text on its way between processes that share a journal: over a bus that can be as bad as one likes."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from random import Random

import pytest
from tests.server.fleet.buses import Bus, End
from tests.server.fleet.talking import Shown, Talker, talking
from tests.server.rig import TENANTS, principal

from remit.core.ports import Delta
from remit.home import Home, Settings
from remit.journal import MemoryJournal
from remit.runtime import LocalWorkers
from remit.server.fleet.deltas import Deltas
from remit.server.fleet.wire import WATCHES
from remit.server.service.pieces import Piece
from remit.server.service.streams import Stream, Streams


@dataclass
class Process:
    """What would be one, with streams of its own."""

    home: Home
    end: End
    deltas: Deltas
    streams: Streams

    @contextlib.asynccontextmanager
    async def reading(self, session: str, name: str = "ann", after: int = 0) -> AsyncGenerator[Stream]:
        """Read a session here."""
        async with self.streams.follow(principal(name=name), session, after) as stream:
            yield stream


@contextlib.asynccontextmanager
async def processes(bus: Bus, count: int = 2, *, renew: float = 3600) -> AsyncGenerator[list[Process]]:
    """Have some over one journal."""
    store, key = MemoryJournal(), secrets.token_bytes(32)
    async with contextlib.AsyncExitStack() as leaving:
        made: list[Process] = []
        for _ in range(count):
            home, end = Home(store, LocalWorkers(), key, Settings(tenants=TENANTS)), End(bus)
            deltas = await leaving.enter_async_context(Deltas(end, home, gather=0.001, renew=renew))
            made.append(Process(home, end, deltas, Streams(home, elsewhere=deltas)))
        yield made
    assert all(not ears for ears in bus.ears.values())


async def quiet() -> None:
    """Let all that is on its way arrive."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_what_a_worker_says_is_read_in_another_process_piece_by_piece() -> None:
    model = Talker(("a", "\u00e4\U0001f600", "\0c"), held=True)
    async with processes(Bus()) as (worker, replica):
        session = await worker.home.begin(talking(model), "go", tenant="acme")
        async with replica.reading(session) as stream:
            shown = Shown()
            reading = asyncio.create_task(shown.read(stream))
            driving = asyncio.create_task(worker.home.resume(talking(model), session))
            for said in ("a", "a\u00e4\U0001f600", "a\u00e4\U0001f600\0c"):
                model.let(1)
                await shown.until(said) if not said.endswith("c") else await driving
            await reading
            assert shown.answers[0][1] == "a\u00e4\U0001f600\0c"
        await quiet()
        assert list(worker.deltas.telling.watched) == []


async def test_nothing_is_said_of_what_nobody_watches() -> None:
    bus, model = Bus(), Talker()
    async with processes(bus) as (worker, replica):
        session = await worker.home.begin(talking(model), "go", tenant="acme")
        other = await worker.home.begin(talking(model), "go", tenant="acme")
        async with replica.reading(other):
            await quiet()
            await worker.home.resume(talking(model), session)
            await quiet()
            assert worker.deltas.telling.told == 0


async def test_who_joins_in_the_middle_of_an_answer_reads_it_from_its_beginning() -> None:
    model = Talker(held=True)
    async with processes(Bus(), 3) as (worker, one, two):
        session = await worker.home.begin(talking(model), "go", tenant="acme")
        driving = asyncio.create_task(worker.home.resume(talking(model), session))
        model.let(20)
        await model.asked.wait()
        await quiet()
        readings: list[asyncio.Task[Shown]] = []
        async with contextlib.AsyncExitStack() as leaving:
            # The last is in the process that drives.
            for place, (process, name) in enumerate(((one, "ann"), (two, "ann"), (two, "bob"), (worker, "ann"))):
                stream = await leaving.enter_async_context(process.reading(session, name))
                shown = Shown()
                readings.append(asyncio.create_task(shown.read(stream)))
                model.let(5)
                await shown.until("".join(model.words[: 25 + 5 * place]))
            model.let(60)
            await driving
            for shown in await asyncio.gather(*readings):
                [(text, answer)] = shown.answers
                assert answer.startswith(text)
                assert len(text) >= len("".join(model.words[:25]))


@pytest.mark.parametrize("seed", range(12))
async def test_whatever_is_lost_repeated_or_overtaken_a_reader_sees_a_beginning_of_each_answer(seed: int) -> None:
    lots = Random(seed)
    bus = Bus(lots, loss=lots.choice((0.0, 0.1, 0.4)), haste=lots.choice((0.0, 0.3)))
    model = Talker()
    async with processes(bus, 3, renew=0.01) as (worker, one, two):
        session = await worker.home.begin(talking(model), "go", tenant="acme")
        async with one.reading(session) as first, two.reading(session) as second:
            readings = [asyncio.create_task(Shown().read(stream, runs=4)) for stream in (first, second)]
            for number in range(4):
                if number:
                    await worker.home.send(session, "go on")
                await worker.home.resume(talking(model), session)
            for shown in await asyncio.gather(*readings):
                assert len(shown.answers) == 4
                assert all(answer.startswith(text) for text, answer in shown.answers)
                assert shown.seqs == list(range(1, len(shown.seqs) + 1))
                if not bus.loss and not bus.haste:
                    assert any(text for text, _ in shown.answers)


async def test_what_was_lost_is_said_again() -> None:
    bus, model = Bus(), Talker(held=True)
    async with processes(bus) as (worker, replica):
        session = await worker.home.begin(talking(model), "go", tenant="acme")
        async with replica.reading(session) as stream:
            shown = Shown()
            reading = asyncio.create_task(shown.read(stream))
            driving = asyncio.create_task(worker.home.resume(talking(model), session))
            model.let(5)
            await shown.until("".join(model.words[:5]))
            bus.cut = lambda channel: channel == replica.deltas.name
            told = worker.deltas.telling.told
            model.let(5)
            while worker.deltas.telling.told == told:  # noqa: ASYNC110 - it has nothing that could tell
                await asyncio.sleep(0)
            bus.cut = lambda channel: False
            model.let(5)
            await shown.until("".join(model.words[:15]))
            model.let(60)
            await asyncio.gather(reading, driving)


async def test_who_was_deaf_for_a_while_says_again_what_it_watches() -> None:
    bus, model = Bus(), Talker(held=True)
    async with processes(bus) as (worker, replica):
        session = await worker.home.begin(talking(model), "go", tenant="acme")
        await quiet()
        bus.cut = lambda channel: channel == WATCHES
        async with replica.reading(session) as stream:
            await quiet()
            assert session not in worker.deltas.telling.watched
            bus.cut = lambda channel: False
            # What the replica's own channel calls when it hears again: two ends of the worker are before it.
            bus.again[2]()
            await quiet()
            assert session in worker.deltas.telling.watched
            shown = Shown()
            reading = asyncio.create_task(shown.read(stream))
            driving = asyncio.create_task(worker.home.resume(talking(model), session))
            model.let(1)
            await shown.until(model.words[0])
            model.let(60)
            await asyncio.gather(reading, driving)


async def test_a_worker_asks_who_watches_when_it_begins_to_hear() -> None:
    bus = Bus()
    async with processes(bus) as (first, replica):
        session = await first.home.begin(talking(Talker()), "go", tenant="acme")
        async with replica.reading(session):
            await quiet()
            async with Deltas(End(bus), first.home) as second:
                await quiet()
                assert session in second.telling.watched


async def test_text_waits_in_one_place_while_others_cannot_be_reached() -> None:
    bus, model = Bus(), Talker(held=True)
    async with processes(bus) as (worker, replica):
        session = await worker.home.begin(talking(model), "go", tenant="acme")
        async with replica.reading(session) as stream:
            shown = Shown()
            reading = asyncio.create_task(shown.read(stream))
            await quiet()
            worker.end.waiting = 1 << 20
            driving = asyncio.create_task(worker.home.resume(talking(model), session))
            model.let(50)
            await model.asked.wait()
            await asyncio.sleep(0.01)
            assert worker.deltas.telling.told == 0
            worker.end.waiting = 0
            await shown.until("".join(model.words[:50]))
            # Two messages at most: what came meanwhile is one.
            assert worker.deltas.telling.told <= 2
            model.let(60)
            await asyncio.gather(reading, driving)


async def test_an_answer_longer_than_what_is_kept_is_shown_up_to_there() -> None:
    model = Talker(("x" * 200_000, "y" * 50_000, "z" * 20_000, "q"))
    async with processes(Bus()) as (worker, replica):
        session = await worker.home.begin(talking(model), "go", tenant="acme")
        async with replica.reading(session) as stream:
            reading = asyncio.create_task(Shown().read(stream))
            await worker.home.resume(talking(model), session)
            [(text, answer)] = (await reading).answers
            assert answer.startswith(text)
            assert "z" not in text


async def test_who_says_no_more_that_it_watches_is_forgotten() -> None:
    bus = Bus()
    async with processes(bus) as (worker, replica):
        session = await worker.home.begin(talking(Talker()), tenant="acme")
        async with replica.reading(session):
            await quiet()
            assert len(worker.deltas.telling.watched) == 1
            worker.deltas.telling.lapse()
            assert len(worker.deltas.telling.watched) == 1
            worker.deltas.telling.lapse(older=-1.0)
            assert len(worker.deltas.telling.watched) == 0


async def test_strangers_words_are_not_taken_in() -> None:
    bus = Bus()
    async with processes(bus) as (worker, replica):
        session = await worker.home.begin(talking(Talker()), tenant="acme")
        async with replica.reading(session) as stream:
            await quiet()
            for channel in (replica.deltas.name, WATCHES, "remit_calls"):
                for payload in ("", "{", "[1]", '[["s"]]', '["watch"]', "\x00"):
                    worker.end.say(channel, payload)
            worker.end.say(replica.deltas.name, '[["another","v",1,0,1,0,"hello"]]')
            await quiet()
            stream.end()
            assert not [item async for item in stream if isinstance(item.what, Delta)]


async def test_an_answer_of_which_the_beginning_was_not_heard_is_not_told() -> None:
    """Whoever begins to hear late is told the next one."""
    model, bus = Talker(held=True), Bus()
    async with processes(bus) as (worker, _):
        session = await worker.home.begin(talking(model), "go", tenant="acme")
        pieces: list[Piece] = []
        driving = asyncio.create_task(worker.home.resume(talking(model), session))
        await model.asked.wait()
        living = worker.home.lives.living(session)
        assert living is not None
        model.let(3)
        await quiet()
        late = Deltas(End(bus), worker.home)
        worker.home.lives.heed(living)
        late.watch(session, pieces.append)
        model.let(60)
        await driving
        assert pieces == []
        model.let(60)
        await worker.home.send(session, "go on")
        await worker.home.resume(talking(model), session)
        assert "".join(piece.text for piece in pieces) == "".join(model.words)
