"""Telemetry beside a home sees each session to its end and sends what it saw, also what came last."""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.server.agents import acting
from tests.server.exporting.receivers import collecting
from tests.server.rig import TENANTS, principal

from remit import Agent, AskBefore, Home, Settings
from remit.core.events import ApprovalAsked, ApprovalEscalated, ApprovalGiven, Record, RunEnded
from remit.core.ports import SessionRow
from remit.server.exporting import Follower, Pace, watching
from remit.server.exporting.otlp import Exporting, SpanExport
from remit.server.service import Service, Wish
from remit.telemetry.metrics import Metrics
from remit.testing import EchoModel, EffectCounter

ECHO = Agent("echo", model=EchoModel())


@dataclass
class Ends:
    """A reader that waits for runs to end."""

    ended: asyncio.Queue[str] = field(default_factory=asyncio.Queue[str])

    surveyed: asyncio.Event = field(default_factory=asyncio.Event)

    def see(self, session: str, record: Record, *, fresh: bool) -> None:
        if isinstance(record.event, RunEnded) and fresh:
            self.ended.put_nowait(session)

    def forget(self, session: str) -> None:
        raise AssertionError(session)

    def survey(self, rows: Iterable[SessionRow]) -> None:
        self.surveyed.set()


async def test_what_came_last_is_shown_and_sent() -> None:
    accumulated = Metrics()
    with collecting() as collector:
        # Nothing would be sent, were it not for the end.
        export = SpanExport(Exporting(endpoint=collector.url, every=3600))
        async with Home.open("memory") as home, watching(home, [accumulated], [export]):
            await home.run(ECHO, "one")
    assert [span.name for span in collector.spans][-1] == "invoke_agent echo"
    assert (export.exported, export.failed) == (len(collector.spans), 0)
    runs = next(one for one in accumulated.collect(0) if one.family.name == "remit_runs_total")
    assert [sample.value for sample in runs.samples] == [1]


async def test_a_session_is_looked_at_whenever_it_stops() -> None:
    ends = Ends()
    async with Home.open("memory") as home, watching(home, [ends], pace=Pace(every=3600)):
        await ends.surveyed.wait()
        first = (await home.run(ECHO, "one")).session
        assert await ends.ended.get() == first
        await home.run(ECHO, "two", session=first)
        assert await ends.ended.get() == first
        assert ends.ended.empty()


async def test_a_batch_that_is_on_its_way_at_the_end_arrives() -> None:
    with collecting() as collector:
        # Each span fills a batch, so one is being sent when the end comes.
        export = SpanExport(Exporting(endpoint=collector.url, batch=1, every=3600))
        async with Home.open("memory") as home, watching(home, [], [export]) as following:
            for number in range(5):
                await home.run(ECHO, str(number))
            await following.look()
            await asyncio.sleep(0)
    assert export.failed == 0
    assert export.exported == len(collector.spans) >= 5


async def test_a_follower_that_is_touched_all_the_time_still_rests_between_looks() -> None:
    looks, looked = 0, asyncio.Event()

    class Touching(Ends):
        def survey(self, rows: Iterable[SessionRow]) -> None:
            nonlocal looks
            looks += 1
            follower.touch("s1")
            looked.set()

    async with Home.open("memory") as home:
        follower = Follower(home.store, [Touching()], pace=Pace(every=3600, survey=0.0, least=3600))
        running = asyncio.ensure_future(follower.run())
        await looked.wait()
        for _ in range(100):
            await asyncio.sleep(0)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
    assert looks == 1


async def test_what_people_decide_and_what_escalates_is_shown_at_once_though_the_session_sleeps_on() -> None:
    shown: asyncio.Queue[type] = asyncio.Queue()

    class Hears(Ends):
        def see(self, session: str, record: Record, *, fresh: bool) -> None:
            if isinstance(record.event, ApprovalAsked | ApprovalGiven | ApprovalEscalated):
                shown.put_nowait(type(record.event))

    guard = AskBefore("effect", persons=3, escalate=0.3)
    async with Home.open("memory", Settings(tenants=TENANTS)) as home:
        service = Service(home, [acting(EffectCounter(), guard=guard)])
        hears = Hears()
        async with watching(home, [hears], pace=Pace(every=3600, survey=3600)):
            await hears.surveyed.wait()
            session = (await service.begin(principal(), Wish("clerk", "go"))).view.id
            assert await shown.get() is ApprovalAsked
            await service.people.decide(principal(name="bob"), session, "c1_0_0", granted=True)
            assert {await shown.get(), await shown.get()} == {ApprovalGiven, ApprovalEscalated}
            await service.drain(5)
