"""Schedules: one session a tick, whatever number of processes runs them and whenever one of them dies."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest
from tests.journal.postgres.asking import Opened
from tests.server.beginnings.lives import Life, StandingClock, at, declared, living, sessions
from tests.server.rig import principal

from remit.core.errors import ConfigError, JournalBusyError
from remit.core.events import Event
from remit.core.ports import Entry, Store
from remit.journal import MemoryJournal, RedactedStore, SqliteJournal
from remit.policy import Secrets
from remit.server.beginnings import Cron, ScheduleSettings
from remit.server.beginnings.schedules import MOST, Schedules
from remit.server.beginnings.starting import Source, Starter
from remit.server.service import Wish
from remit.testing.crash import Died, DyingStore

CatchUp = Literal["none", "last", "all"]
SOURCE = Source("schedule", "report", "echo", "acme")


def daily(life: Life, clock: StandingClock, cron: str = "0 3 * * *", catch_up: CatchUp = "last") -> Schedules:
    settings = ScheduleSettings(
        name="report", cron=cron, agent="echo", message="${name} of ${time}", tenant="acme", timezone="Europe/Berlin",
        catch_up=catch_up,
    )  # fmt: skip
    starter = Starter(life.service, life.audit, clock)
    return Schedules(starter, [(SOURCE, settings, Cron(cron, "Europe/Berlin"))], clock=clock)


async def test_a_tick_has_one_session_named_by_its_minute_and_is_told_when_it_was_to_be() -> None:
    store, clock = MemoryJournal(), StandingClock(at("2026-11-20T12:00Z"))
    async with living(store) as life:
        schedules = daily(life, clock)
        await schedules.turn()
        assert await sessions(store) == {}
        clock.put("2026-11-21T02:00:01Z")
        await schedules.turn()
        await schedules.turn()
    [(name, [said])] = (await sessions(store)).items()
    assert name == "acme.report-20261121T0200Z"
    assert (said.text, said.by) == ("report of 2026-11-21T03:00+01:00", "schedule:report")


async def test_processes_beside_each_other_begin_a_tick_once(tmp_path: Path) -> None:
    store, other = SqliteJournal(tmp_path / "journal.db"), SqliteJournal(tmp_path / "journal.db")
    clock = StandingClock(at("2026-11-20T12:00Z"))
    try:
        async with living(store) as one, living(other) as two:
            lines = [daily(one, clock), daily(two, clock), daily(one, clock), daily(two, clock)]
            await asyncio.gather(*(line.turn() for line in lines))
            for day in (21, 22, 23):
                clock.put(f"2026-11-{day}T02:00:00Z")
                await asyncio.gather(*(line.turn() for line in lines))
        found = await sessions(store)
        assert sorted(found) == [f"acme.report-202611{day}T0200Z" for day in (21, 22, 23)]
        assert all(len(said) == 1 for said in found.values())
    finally:
        await store.close()
        await other.close()


async def test_on_a_shared_store_too_a_tick_is_begun_once(opened: Opened) -> None:
    clock = StandingClock(at("2026-11-20T12:30Z"))
    # Wrapped, as homes that stay open would keep what else they share over a database.
    stores = [RedactedStore(opened(), Secrets()) for _ in range(3)]
    async with living(stores[0]) as one, living(stores[1]) as two, living(stores[2]) as three:
        lines = [daily(life, clock, "0 * * * *", "all") for life in (one, two, three)]
        await asyncio.gather(*(line.turn() for line in lines))
        clock.put("2026-11-20T18:00Z")
        await asyncio.gather(*(line.turn() for line in lines))
        assert sum(line.starter.counted["schedule", "report", "begun"] for line in lines) == 6
        found = await sessions(one.service.home.store)
    assert sorted(name[-5:] for name in found) == [f"{hour}00Z" for hour in range(13, 19)]
    assert all(len(said) == 1 for said in found.values())


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_process_that_dies_at_a_tick_leaves_it_to_the_next_which_begins_it_once(
    moment: Literal["before", "after"],
) -> None:
    store, clock = MemoryJournal(), StandingClock(at("2026-11-20T12:30Z"))
    async with living(DyingStore(store, at=1, moment=moment), drained=False) as life:
        schedules = daily(life, clock, cron="0 * * * *", catch_up="all")
        await schedules.turn()
        clock.put("2026-11-20T13:00:02Z")
        with pytest.raises(Died):
            await schedules.turn()
    assert len(await sessions(store)) == (moment == "after")
    async with living(store) as life:
        # Dead while the first tick of all was begun: it is made up for while it is fresh.
        clock.put("2026-11-20T13:00:40Z")
        await daily(life, clock, cron="0 * * * *", catch_up="all").turn()
    [(name, said)] = (await sessions(store)).items()
    assert (name, len(said)) == ("acme.report-20261120T1300Z", 1)


@pytest.mark.parametrize("dies", [1, 2, 3])
async def test_a_process_that_dies_while_it_makes_up_leaves_the_rest_to_the_next(dies: int) -> None:
    store, clock = MemoryJournal(), StandingClock(at("2026-11-20T13:00Z"))
    async with living(store) as life:
        await daily(life, clock, "0 * * * *", "all").turn()
    clock.put("2026-11-20T16:30Z")
    async with living(OutStore(store, dies=dies)) as life:
        with pytest.raises(Died):
            await daily(life, clock, "0 * * * *", "all").turn()
    async with living(store) as life:
        await daily(life, clock, "0 * * * *", "all").turn()
    found = await sessions(store)
    assert sorted(name[-5:] for name in found) == ["1300Z", "1400Z", "1500Z", "1600Z"]
    assert all(len(said) == 1 for said in found.values())


@pytest.mark.parametrize(
    ("catch_up", "wanted"),
    [("none", []), ("last", ["0600Z"]), ("all", ["0200Z", "0300Z", "0400Z", "0500Z", "0600Z"])],
)
async def test_what_nobody_was_there_for_is_made_up_as_is_wanted(catch_up: CatchUp, wanted: Sequence[str]) -> None:
    store, clock = MemoryJournal(), StandingClock(at("2026-11-21T00:30Z"))
    async with living(store) as life:
        before = daily(life, clock, "0 * * * *", catch_up)
        await before.turn()
        clock.put("2026-11-21T01:00Z")
        await before.turn()
    clock.put("2026-11-21T06:30Z")
    async with living(store) as life:
        after = daily(life, clock, "0 * * * *", catch_up)
        await after.turn()
        await after.turn()
        assert [name[-5:] for name in sorted(await sessions(store))] == ["0100Z", *wanted]
        clock.put("2026-11-21T07:00:30Z")
        await after.turn()
    assert [name[-5:] for name in sorted(await sessions(store))] == ["0100Z", *wanted, "0700Z"]


async def test_a_process_that_comes_back_on_time_begins_also_where_nothing_is_made_up_for() -> None:
    store, clock = MemoryJournal(), StandingClock(at("2026-11-21T01:00:10Z"))
    async with living(store) as life:
        await daily(life, clock, "0 * * * *", "none").turn()
    assert len(await sessions(store)) == 1


async def test_a_schedule_that_never_ran_makes_up_for_nothing() -> None:
    store, clock = MemoryJournal(), StandingClock(at("2026-11-21T12:00Z"))
    async with living(store) as life:
        await daily(life, clock, "0 3 * * *", "all").turn()
        assert await sessions(store) == {}


async def test_only_so_many_are_made_up_for() -> None:
    store, clock = MemoryJournal(), StandingClock(at("2026-11-21T00:00Z"))
    async with living(store) as life:
        schedules = daily(life, clock, "* * * * *", "all")
        await schedules.turn()
        clock.put("2026-11-21T05:00Z")
        await schedules.turn()
        found = await sessions(store)
        # The one at the beginning too.
        assert len(found) == MOST + 1
        assert max(found) == "acme.report-20261121T0500Z"


async def test_an_hour_that_comes_twice_has_sessions_for_both() -> None:
    store, clock = MemoryJournal(), StandingClock(at("2026-10-24T23:30Z"))
    async with living(store) as life:
        schedules = daily(life, clock, "0 * * * *", "all")
        await schedules.turn()
        clock.put("2026-10-25T02:30Z")
        await schedules.turn()
    said = [one.text for [one] in (await sessions(store)).values()]
    assert sorted(said) == [
        "report of 2026-10-25T02:00+01:00",
        "report of 2026-10-25T02:00+02:00",
        "report of 2026-10-25T03:00+01:00",
    ]


async def test_a_tick_waits_for_a_store_that_is_out_of_reach() -> None:
    store = OutStore(MemoryJournal())
    clock = StandingClock(at("2026-11-21T01:59Z"))
    async with living(store) as life:
        schedules = daily(life, clock)
        await schedules.turn()
        clock.put("2026-11-21T02:00Z")
        store.out = True
        for _ in range(3):
            await schedules.turn()
            clock.now += 5_000
        store.out = False
        assert await sessions(store) == {}
        clock.now += 60_000
        await schedules.turn()
        assert [*await sessions(store)] == ["acme.report-20261121T0200Z"]


async def test_a_tick_waits_while_its_agent_is_switched_off() -> None:
    store, clock = MemoryJournal(), StandingClock(at("2026-11-21T01:59Z"))
    async with living(store) as life:
        schedules = daily(life, clock)
        await schedules.turn()
        await life.service.switching.switch_off(principal(), "agent", "echo")
        clock.put("2026-11-21T02:00Z")
        await schedules.turn()
        assert await sessions(store) == {}
        await life.service.switching.switch_on(principal(), "agent", "echo")
        clock.put("2026-11-21T09:00Z")
        await schedules.turn()
    assert [*await sessions(store)] == ["acme.report-20261121T0200Z"]


async def test_a_name_that_somebody_took_is_written_down_for_a_person_and_keeps_nothing_else() -> None:
    store, clock = MemoryJournal(), StandingClock(at("2026-11-21T01:59Z"))
    async with living(store) as life:
        schedules = daily(life, clock)
        await schedules.turn()
        await life.service.begin(principal(), Wish("echo", "mine", session="acme.report-20261121T0200Z"))
        clock.put("2026-11-21T02:00Z")
        await schedules.turn()
        clock.put("2026-11-22T02:00Z")
        await schedules.turn()
        found = await sessions(store)
        assert [one.text for one in found["acme.report-20261121T0200Z"]] == ["mine"]
        assert "acme.report-20261122T0200Z" in found
        [record] = await life.audit.read()
    assert (record.name, record.tenant, record.allowed) == ("schedule:report", "acme", False)
    assert "20261121T0200Z" in record.what


async def test_a_server_keeps_them_running_by_the_clock_on_the_wall(tmp_path: Path) -> None:
    file = declared(
        tmp_path,
        """
        [[schedule]]
        name = "often"
        cron = "* * * * *"
        agent = "echo"
        message = "go"
        """,
    )
    store, clock = MemoryJournal(), StandingClock(at("2026-11-21T01:59:59.9Z"))
    async with living(store) as life, life.beginning(file, clock) as made:
        assert made.told == [
            {"kind": "schedule", "name": "often", "agent": "echo", "tenant": "acme", "when": "* * * * * UTC"}
        ]
        async with made.running():
            while not await sessions(store):
                clock.now += 20
                await asyncio.sleep(0.01)
        [measured] = made.measured(0)
        assert {one.labels for one in measured.samples} == {("schedule", "often", "begun")}


async def test_a_schedule_of_an_agent_that_is_served_elsewhere_begins_nothing(tmp_path: Path) -> None:
    text = '[[schedule]]\nname = "x"\ncron = "* * * * *"\nagent = "AGENT"\nmessage = "go"\ntenant = "TENANT"\n'
    async with living(MemoryJournal()) as life:
        file = declared(tmp_path, text.replace("AGENT", "somebody").replace("TENANT", "acme"))
        async with life.beginning(file, StandingClock()) as made:
            assert (made.told, made.runs) == ([], [])
        file = declared(tmp_path, text.replace("AGENT", "echo").replace("TENANT", "nobody"))
        with pytest.raises(ConfigError, match=r"\[\[schedule\]\] x: there is no tenant 'nobody' here"):
            async with life.beginning(file, StandingClock()):
                pass


async def test_without_a_file_nothing_begins(tmp_path: Path) -> None:
    async with (
        living(MemoryJournal()) as life,
        life.beginning(tmp_path / "remit.toml", StandingClock()) as made,
        made.running(),
    ):
        assert (made.told, made.runs, made.front(None)) == ([], [], ())


class OutStore:
    """A store that is out of reach when it is told to be; its process dies once it has opened so many sessions."""

    def __init__(self, store: Store, *, dies: int = 0) -> None:
        self.store, self.out, self.left = store, False, dies
        self.read, self.follow, self.put, self.get = store.read, store.follow, store.put, store.get
        self.sessions, self.used, self.close = store.sessions, store.used, store.close

    async def append(self, session: str, events: Sequence[Event], *, after: int, entries: Sequence[Entry] = ()) -> int:
        """See `Journal.append`."""
        if self.out:
            raise JournalBusyError("out of reach")
        tail = await self.store.append(session, events, after=after, entries=entries)
        if after == 0:
            self.left -= 1
            if self.left == 0:
                raise Died("after a session was opened")
        return tail
