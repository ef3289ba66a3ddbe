"""W8's driver must see what a server does wrong: its figures are worth no more than that."""

import asyncio
import itertools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest
from benchmarks.serving.fleet import Fleet, Tally
from benchmarks.serving.hearing import Ear, Ledger, Message
from benchmarks.serving.ruler import ages, percentile, read
from benchmarks.serving.servers import Server, agentos, remit
from benchmarks.serving.words import PIECES
from hypothesis import given
from hypothesis import strategies as st

OURS = remit("process")


def event(seq: int, text: str) -> bytes:
    return b"id: %d\nevent: record\ndata: %b\n\n" % (seq, text.encode())


def piece(number: int, place: int) -> bytes:
    return b'event: delta\ndata: {"text":"#%d.%d@5; your order "}\n\n' % (number, place)


ENDED = '{"kind":"RunEnded","fields":{"run":1,"status":"done"}}'
GOOD = [b"retry: 1000\n\n", event(1, "{}"), *(piece(1, place) for place in range(PIECES)), event(2, ENDED)]


def listening(server: Server = OURS) -> tuple[Ear, list[Ear]]:
    freed: list[Ear] = []
    ear = Ear(server, Ledger(), freed.append)
    message = ear.ledger.messages[1] = Message(1, due=3)
    ear.tell(message)
    return ear, freed


@given(cuts=st.lists(st.integers(0, sum(map(len, GOOD)))))
def test_a_good_answer_is_good_however_it_is_cut(cuts: list[int]) -> None:
    ear, freed = listening()
    whole, places = b"".join(GOOD), [0, *sorted(cuts), sum(map(len, GOOD))]
    for begin, end in itertools.pairwise(places):
        ear.hear(whole[begin:end], 9)
    (message,) = ear.heard
    assert (message.first, message.text, message.done, freed) == (9, 9, 9, [ear])
    assert not ear.wrong(2)
    assert ear.ledger.delays == [4] * PIECES


@pytest.mark.parametrize(
    "events",
    [
        [*GOOD[:3], GOOD[2], *GOOD[3:]],
        [*GOOD[:3], *GOOD[4:]],
        [*GOOD[:2], GOOD[3], GOOD[2], *GOOD[4:]],
        [*GOOD[:1], *GOOD[2:]],
        [*GOOD[:2], *GOOD[1:]],
        [*GOOD, event(3, "{}")],
    ],
    ids=["piece twice", "piece missing", "out of order", "record missing", "record twice", "longer than the journal"],
)
def test_a_stream_that_misses_or_repeats_something_is_found(events: list[bytes]) -> None:
    ear, _ = listening()
    ear.hear(b"".join(events), 9)
    assert ear.wrong(2)


def test_a_run_that_goes_wrong_is_an_error_and_frees_its_session_once() -> None:
    ear, freed = listening(agentos())
    ear.hear(b"event: RunError\ndata: {}\n\n" * 2, 9)
    assert (ear.ledger.faults, freed) == (2, [ear])


def test_what_never_came_is_as_old_as_the_load() -> None:
    answered, forgotten = Message(1, due=0, first=1_000_000, done=2_000_000), Message(2, due=0)
    tally = Tally(3, [answered, forgotten], unsent=[4_000_000], over=10_000_000)
    assert ages(tally, "first") == [1.0, 10.0, 6.0]
    assert read(tally)["done"] == pytest.approx(100 / 3)


@given(st.lists(st.integers(0, 1000), min_size=1), st.floats(0.01, 0.99))
def test_a_percentile_is_one_of_the_values_and_enough_are_at_most_that(values: list[int], share: float) -> None:
    found = percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values)


@asynccontextmanager
async def answering(pieces: int) -> AsyncGenerator[int]:
    """Serve as AgentOS does: the answer to a message is its stream; runs that are held say nothing."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        while asked := await reader.readuntil(b"\r\n\r\n"):
            size = int(asked.partition(b"Content-Length: ")[2].split()[0])
            said = (await reader.readexactly(size)).decode()
            writer.write(head)
            if "say" in said:
                number = int(said.partition("say+")[2].partition("&")[0])
                events = [b"event: RunContent\ndata: #%d.%d@1;\n\n" % (number, place) for place in range(pieces)]
                for one in (*events, b"event: RunCompleted\ndata: {}\n\n", b""):
                    writer.write(b"%x\r\n%b\r\n" % (len(one), one))

    tasks: set[asyncio.Task[None]] = set()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def whole() -> None:
            try:
                await serve(reader, writer)
            except (asyncio.IncompleteReadError, ConnectionError):
                pass
            finally:
                writer.transport.abort()

        task = asyncio.create_task(whole())
        tasks.add(task)
        task.add_done_callback(tasks.discard)

    listener = await asyncio.start_server(accepted, "127.0.0.1", 0)
    yield listener.sockets[0].getsockname()[1]
    listener.close()
    for task in tuple(tasks):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await listener.wait_closed()


@pytest.mark.parametrize(("pieces", "wrong"), [(PIECES, 0), (PIECES - 1, 3)])
async def test_a_fleet_hears_all_that_a_server_says(pieces: int, wrong: int) -> None:
    async with answering(pieces) as port:
        fleet = Fleet(agentos(), port)
        await fleet.sessions(3)
        await fleet.follow(fleet.ears)
        tally = await fleet.load(rate=300, seconds=0.02, grace=10)
        assert [bool(message.done) for message in tally.messages] == [True] * 6
        assert sum(ear.wrong(None) for ear in fleet.ears) == wrong
        assert (tally.faults, fleet.broken, len(tally.delays)) == (0, 0, 6 * pieces)
        fleet.close()
