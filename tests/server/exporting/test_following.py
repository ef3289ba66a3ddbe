"""A follower shows readers every record once, in order, whoever appended it, and fails alone."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec

from remit import Agent, AskBefore, Home, tool
from remit.core import events as ev
from remit.core.errors import JournalError
from remit.core.events import Record
from remit.core.ports import SessionQuery, SessionRow
from remit.core.values import now_ms
from remit.journal import MemoryJournal
from remit.server.exporting import Follower, Keeping, Pace, Stood, metrics
from remit.server.exporting import follower as following
from remit.telemetry.metrics import Metrics
from remit.testing import EchoModel, ScriptedModel, calls, says, use


@dataclass
class Seen:
    """A reader that keeps what it is shown."""

    records: dict[str, list[tuple[int, bool]]] = field(default_factory=dict[str, list[tuple[int, bool]]])
    forgotten: list[str] = field(default_factory=list[str])
    rows: int = 0
    breaks: bool = False

    def see(self, session: str, record: Record, *, fresh: bool) -> None:
        self.records.setdefault(session, []).append((record.seq, fresh))
        if self.breaks:
            raise ValueError("broken")

    def forget(self, session: str) -> None:
        self.forgotten.append(session)
        self.records.pop(session)

    def survey(self, rows: Iterable[SessionRow]) -> None:
        self.rows = len(list(rows))

    def fresh(self, session: str) -> list[int]:
        return [seq for seq, fresh in self.records[session] if fresh]


@tool(effect="once")
async def refund(usd: float) -> str:
    """Pay money back."""
    return f"paid {usd}"


def clerk() -> Agent:
    model = ScriptedModel([calls(use("refund", usd=3)), says("done")])
    return Agent("clerk", model=model, tools=[refund], guards=[AskBefore("refund")])


ECHO = Agent("echo", model=EchoModel())
ALWAYS = Pace(every=0.01, survey=0.0)


async def test_every_record_is_shown_once_and_in_order() -> None:
    seen = Seen()
    async with Home.open("memory") as home:
        follower = Follower(home.store, [seen], pace=ALWAYS)
        first = await home.run(ECHO, "one")
        await follower.look()
        await home.run(ECHO, "two", session=first.session)
        await follower.look()
        await follower.look()
        tail = len(await home.store.read(first.session))
    assert seen.fresh(first.session) == list(range(1, tail + 1))
    assert (follower.read, follower.failures, seen.rows) == (tail, 0, 1)
    told = {measured.family.name: measured.samples[0].value for measured in following(follower)(follower.surveyed)}
    assert told == {
        "remit_records_read_total": tail, "remit_reading_age_seconds": 0, "remit_reader_failures_total": 0,
    }  # fmt: skip
    (_, age, _) = following(Follower(home.store, []))(1)
    assert age.samples[0].value == 0


async def test_what_was_before_is_not_fresh_and_what_rests_is_not_read() -> None:
    seen, later = Seen(), Seen()
    async with Home.open("memory") as home:
        old = await home.run(ECHO, "one")
        asked = await home.run(clerk(), "refund")
        records = [*await home.store.read(old.session), *await home.store.read(asked.session)]
        later_on = max(record.at for record in records) + 1
        follower = Follower(home.store, [seen], since=later_on, pace=ALWAYS)
        await follower.look()
        assert list(seen.records) == [asked.session]
        assert seen.fresh(asked.session) == []
        again = Follower(home.store, [later], since=0, pace=ALWAYS)
        await again.look()
    assert later.fresh(old.session)


async def test_a_decision_that_only_the_journal_tells_is_seen() -> None:
    accumulated = Metrics()
    async with Home.open("memory") as home:
        # By a clock that is ahead, every change was before the last look.
        follower = Follower(home.store, [accumulated], since=0, pace=Pace(survey=3600), clock=lambda: now_ms() + 1000)
        result = await home.run(clerk(), "refund")
        await follower.look()

        def waiting() -> int:
            return sum(
                len(measured.samples)
                for measured in metrics(accumulated)(0)
                if measured.family.name == "remit_approvals_waiting"
            )

        assert waiting() == 1
        await home.approve(result.session, by="ann")
        # Nothing in the list of sessions changed, and no survey is due: whoever knows says so.
        await follower.look()
        assert waiting() == 1
        follower.touch(result.session)
        await follower.look()
        assert waiting() == 0


async def test_what_rests_is_forgotten_and_shown_again_before_it_goes_on() -> None:
    seen = Seen()
    async with Home.open("memory") as home:
        follower = Follower(home.store, [seen], pace=Pace(survey=0.0, resting=1))
        first = await home.run(ECHO, "one")
        await follower.look()
        tail = len(await home.store.read(first.session))
        second = await home.run(ECHO, "two")
        await follower.look()
        assert seen.forgotten == [first.session]
        await home.run(ECHO, "three", session=first.session)
        await follower.look()
    assert [seq for seq, _ in seen.records[first.session]] == list(range(1, 2 * tail))
    assert seen.fresh(first.session) == list(range(tail + 1, 2 * tail))
    assert seen.forgotten == [first.session, second.session]


async def test_a_reader_that_fails_is_counted_and_the_others_go_on() -> None:
    bad, good = Seen(breaks=True), Seen()
    async with Home.open("memory") as home:
        follower = Follower(home.store, [bad, good], pace=ALWAYS)
        result = await home.run(ECHO, "one")
        await follower.look()
    assert follower.failures == follower.read == len(good.records[result.session])


class Flaky(MemoryJournal):
    """A store that cannot be read at times."""

    down = False
    damaged = ""

    async def read(self, session: str, *, after: int = 0) -> list[Record]:
        if session == self.damaged:
            raise JournalError("damaged")
        return await super().read(session, after=after)

    async def sessions(self, query: SessionQuery) -> list[SessionRow]:
        if self.down:
            raise JournalError("away")
        return await super().sessions(query)


async def test_a_store_that_is_away_or_damaged_is_looked_at_again_later() -> None:
    store, seen = Flaky(), Seen()
    for name in ("s1", "s2"):
        opened = ev.SessionOpened("a", "1", "react@1", {}, "t", ev.Tree(name), ECHO.limits, {})
        await store.append(name, [opened], after=0)
    follower = Follower(store, [seen], since=0, pace=ALWAYS)
    store.down = True
    await follower.look()
    store.down, store.damaged = False, "s1"
    await follower.look()
    assert (follower.failures, list(seen.records)) == (2, ["s2"])
    store.damaged = ""
    await follower.look()
    assert set(seen.records) == {"s1", "s2"}


async def test_it_runs_until_it_is_cancelled_and_is_woken_by_a_touch() -> None:
    seen, shown = Seen(), asyncio.Event()

    class Telling(Seen):
        def see(self, session: str, record: Record, *, fresh: bool) -> None:
            shown.set()

    async with Home.open("memory") as home:
        follower = Follower(home.store, [Telling(), seen], pace=Pace(every=3600, survey=3600))
        running = asyncio.ensure_future(follower.run())
        await asyncio.sleep(0)
        result = await home.run(ECHO, "one")
        follower.touch(result.session)
        await shown.wait()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_a_session_that_another_process_ended_between_two_looks_is_read_to_its_end() -> None:
    seen, store = Seen(), MemoryJournal()
    opened = ev.SessionOpened("a", "1", "react@1", {}, "t", ev.Tree("s1"), ECHO.limits, {})
    tail = await store.append("s1", [opened, ev.RunOpened(1, "react@1", "w", 0)], after=0)
    follower = Follower(store, [seen], since=0, pace=Pace(survey=3600))
    await follower.look()
    for number in range(300):
        # So many newer ones that the old one is no longer listed when it rests.
        await store.append(f"n{number}", [opened], after=0)
    await store.append("s1", [ev.RunEnded(1, "done")], after=tail)
    await follower.look()
    assert seen.fresh("s1") == [1, 2, 3]


class Still(MemoryJournal):
    """A store in which everything happens in the same millisecond."""

    async def sessions(self, query: SessionQuery) -> list[SessionRow]:
        return [msgspec.structs.replace(row, changed=5) for row in await super().sessions(query)]


async def test_what_changed_in_the_millisecond_of_the_last_look_is_seen() -> None:
    seen, store, now = Seen(), Still(), [5]
    opened = ev.SessionOpened("a", "1", "react@1", {}, "t", ev.Tree("s1"), ECHO.limits, {})
    follower = Follower(store, [seen], since=0, pace=Pace(survey=0.0), clock=lambda: now[0])
    tail = 0
    for number in (1, 2):
        tail = await store.append("s1", [opened, ev.RunEnded(number, "done")], after=tail)
        await follower.look()
    assert seen.fresh("s1") == [1, 2, 3, 4]
    now[0] = 6
    await follower.look()
    await store.append("s1", [ev.RunEnded(3, "done")], after=tail)
    await follower.look()
    # A list that says nothing changed since is believed.
    assert seen.fresh("s1") == [1, 2, 3, 4]


async def test_readers_that_keep_what_they_were_shown_go_on_where_they_stood() -> None:
    seen, store, passed = Seen(), MemoryJournal(), list[int]()
    opened = ev.SessionOpened("a", "1", "react@1", {}, "t", ev.Tree("s1"), ECHO.limits, {})
    for name in ("s1", "s2"):
        await store.append(name, [opened, ev.MessageReceived("hi")], after=0)

    async def catching_up() -> None:
        passed.append(len(seen.records))

    rows = {row.id: row for row in await store.sessions(SessionQuery())}
    stood = {
        "s1": Stood(seq=1, changed=rows["s1"].changed, looked=rows["s1"].changed),
        "s2": Stood(seq=2, changed=rows["s2"].changed, looked=rows["s2"].changed + 1),
    }
    keeping = Keeping(stood=stood, between=catching_up)
    follower = Follower(store, [seen], since=0, pace=Pace(survey=0.0), keeping=keeping)
    await follower.look()
    assert seen.records == {"s1": [(1, False), (2, True)]}
    assert passed == [0]


async def test_who_is_stopped_in_the_middle_of_a_session_begins_it_again() -> None:
    store, reading = MemoryJournal(), asyncio.Event()
    opened = ev.SessionOpened("a", "1", "react@1", {}, "t", ev.Tree("s1"), ECHO.limits, {})
    await store.append("s1", [opened, *[ev.MessageReceived("hi")] * 600], after=0)

    class Halting(Seen):
        def see(self, session: str, record: Record, *, fresh: bool) -> None:
            super().see(session, record, fresh=fresh)
            reading.set()

    seen = Halting()
    follower = Follower(store, [seen], since=0)
    looking = asyncio.ensure_future(follower.look())
    await reading.wait()
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    assert seen.forgotten == ["s1"]
    await follower.look()
    assert [seq for seq, _ in seen.records["s1"]] == list(range(1, 602))
    assert seen.fresh("s1")[-1] == 601
