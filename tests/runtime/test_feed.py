"""What listeners get: every record once and in order, text as it is written, and no say in how fast a session goes."""

import asyncio
from itertools import repeat

from tests.runtime.rig import Interrupted, Rig, agent, scripted

from remit.core.agent import Agent
from remit.core.events import Record
from remit.core.ports import Delta
from remit.home import Home
from remit.runtime import Feed, Listener, RunResult
from remit.testing import EffectCounter, ScriptedModel, calls, says, use


async def heard(listener: Listener) -> tuple[str, list[int]]:
    text, places = "", list[int]()
    async for item in listener:
        if isinstance(item, Delta):
            text += item.text
        else:
            places.append(item.seq)
    return text, places


async def test_every_listener_gets_all_text_and_all_records_in_order(rig: Rig) -> None:
    session = await rig.open(
        agent(scripted(says("one two", use("effect")), says("three")), EffectCounter("read")), "go"
    )
    listening = [asyncio.create_task(heard(session.feed.listen())) for _ in range(3)]
    await session.run()
    session.feed.end()
    length = len(await rig.events())
    for listener in listening:
        assert await listener == ("one twothree", list(range(1, length + 1)))


async def test_a_listener_may_begin_in_the_middle(rig: Rig) -> None:
    session = await rig.open(agent(scripted(says("x"))), "go")
    listener = session.feed.listen(after=3)
    await session.run()
    session.feed.end()
    assert (await heard(listener))[1] == [4, 5, 6]


async def test_a_listener_that_never_reads_holds_nobody_up_and_still_gets_all_records(rig: Rig) -> None:
    long = " ".join(["word"] * 3000)
    session = await rig.open(agent(scripted(says(long, use("effect")), says(long)), EffectCounter("read")), "go")
    listener = session.feed.listen()
    assert (await session.run()).status == "done"
    session.feed.end()
    text, places = await heard(listener)
    assert places == list(range(1, len(await rig.events()) + 1))
    assert listener.dropped > 0
    assert len(text) < 2 * len(long)


async def test_a_listener_that_left_hears_no_more(rig: Rig) -> None:
    feed = Feed("s", rig.store)
    listener = feed.listen()
    feed.say(Delta("a"))
    feed.leave(listener)
    feed.leave(listener)
    feed.say(Delta("b"))
    assert await heard(listener) == ("a", [])


async def test_a_listener_waits_for_what_comes(rig: Rig) -> None:
    feed = Feed("s", rig.store)
    listening = asyncio.create_task(heard(feed.listen()))
    await asyncio.sleep(0)
    feed.say(Delta("a"))
    await asyncio.sleep(0)
    feed.say(Delta("b"))
    feed.end()
    assert (await listening)[0] == "ab"


async def test_text_streams_before_the_answer_is_whole() -> None:
    async with Home.open("memory") as home:
        kinds: list[str] = []
        async for item in home.stream(Agent("a", ScriptedModel([says("one two")])), "go"):
            match item:
                case Delta():
                    kinds.append(item.text)
                case Record():
                    kinds.append(type(item.event).__name__)
                case RunResult():
                    kinds.append(item.status)
        assert kinds == [
            "SessionOpened",
            "MessageReceived",
            "RunOpened",
            "ModelAsked",
            "one",
            " two",
            "ModelAnswered",
            "RunEnded",
            "done",
        ]


async def test_a_stream_of_a_known_session_begins_where_it_stood() -> None:
    async with Home.open("memory") as home:
        declared = Agent("a", ScriptedModel([says("x"), says("y")]))
        first = await home.run(declared, "go")
        items = [item async for item in home.stream(declared, "more", session=first.session)]
        records = [item.seq for item in items if isinstance(item, Record)]
        assert records == list(range(7, 12))


async def test_who_stops_listening_to_a_stream_pauses_the_run() -> None:
    async with Home.open("memory") as home:
        declared = Agent("a", ScriptedModel(repeat(calls(use("effect")))), tools=[EffectCounter("read")])
        stream = home.stream(declared, "go")
        async for item in stream:
            if isinstance(item, Record) and type(item.event).__name__ == "EffectStarted":
                break
        await stream.aclose()  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType] - a generator
        (row,) = await home.sessions()
        assert (row.status, row.why) in {("waiting", "paused"), ("idle", "stopped")}


async def test_secrets_reach_neither_journal_nor_listeners_nor_results(rig: Rig) -> None:
    rig.secrets.register("api", "hunter2hunter2")

    async def nothing() -> None:
        pass

    declared = agent(Interrupted(nothing, says("no hunter2hunter2 here")))
    session = await rig.open(declared, "use hunter2hunter2")
    listener = session.feed.listen()
    result = await session.run()
    session.feed.end()
    records = [str(item) async for item in listener if isinstance(item, Record)]
    assert "hunter2" not in "".join(records)
    assert "hunter2" not in str(result)


async def test_each_answer_has_a_number_and_those_written_at_the_same_time_share_it(rig: Rig) -> None:
    numbers: list[tuple[str, int, int]] = []

    class Ear:
        def put(self, item: Delta | int) -> None:
            if isinstance(item, Delta):
                numbers.append((item.text, session.feed.answer, session.feed.tail))

        def end(self) -> None:
            pass

    effect = EffectCounter("read")
    session = await rig.open(agent(scripted(says("one", use("effect")), says("two")), effect), "go")
    session.feed.attach(Ear())
    await session.run()
    texts = {(number, tail): "" for _, number, tail in numbers}
    for text, number, tail in numbers:
        texts[number, tail] += text
    assert list(texts.values()) == ["one", "two"]
    assert [number for number, _ in texts] == [1, 2]
    assert not session.feed.writing
    with session.feed.answering(), session.feed.answering():
        assert (session.feed.answer, session.feed.writing) == (3, 2)
