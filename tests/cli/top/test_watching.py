"""Watching reads what any process wrote, and nothing when nobody wrote."""

from pathlib import Path

from tests.cli.top.desks import SETTINGS, clerk, settle_in, triage

from remit import Home, Tenant
from remit.cli.places import stored
from remit.cli.top.board import DAY
from remit.cli.top.watching import Watching, written
from remit.core import events as ev
from remit.core.values import nanos, now_ms
from remit.runtime import decide


async def test_what_others_write_is_seen_and_where_nobody_wrote_nothing_is_read(tmp_path: Path) -> None:
    await settle_in(tmp_path, triage())
    now = now_ms() + 60_000
    async with stored(str(tmp_path)) as store, Home.open(tmp_path, SETTINGS) as home:
        watching = Watching(store, str(tmp_path), clock=lambda: now)
        assert await watching.look()
        assert not await watching.look(), "nobody wrote anything"
        assert [line.agent for line in watching.picture().lines] == ["triage"]
        session = (await home.run(clerk(), "hi", tenant="acme")).session
        # As a file system with coarse times might, the mark is looked at a second time.
        assert await watching.look()
        assert [ask.session for ask in watching.picture().asks] == [session]
        await decide(home.store, session, "", granted=False, by="ann")
        assert await watching.look()
        assert watching.picture().asks == []
        watching.touch(session)
        assert await watching.look()


async def test_what_was_written_a_moment_ago_is_looked_at_again(tmp_path: Path) -> None:
    await settle_in(tmp_path, triage())
    at = max(stamp for stamp, _ in written(str(tmp_path))()) // 1_000_000
    async with stored(str(tmp_path)) as store:
        watching = Watching(store, str(tmp_path), clock=lambda: at)
        assert await watching.look()
        assert await watching.look()


async def test_budgets_are_those_of_the_tenants_that_are_declared(tmp_path: Path) -> None:
    await settle_in(tmp_path, triage())
    await settle_in(tmp_path, triage(), tenant="other")
    async with stored(str(tmp_path)) as store:
        watching = Watching(store, str(tmp_path), tenants=SETTINGS.tenants)
        await watching.look()
        found = {one.tenant: (one.spent, one.cap) for one in watching.picture().headline.budgets}
        assert found == {"acme": (13_500_000, nanos(1.0)), "other": (13_500_000, None)}
        alone = Watching(store, str(tmp_path), tenant="other", tenants=(*SETTINGS.tenants, Tenant(name="third")))
        await alone.look()
        assert [one.tenant for one in alone.picture().headline.budgets] == ["other"]


async def test_the_death_of_a_worker_is_seen_though_it_writes_nothing(tmp_path: Path) -> None:
    (session,) = await settle_in(tmp_path, triage())
    now = now_ms() + 60_000
    async with stored(str(tmp_path)) as store:
        tail = len(await store.read(session))
        begun = [ev.MessageReceived("more"), ev.RunOpened(2, "react@1", "1-gone", now_ms())]
        await store.append(session, begun, after=tail)
        watching = Watching(store, str(tmp_path), clock=lambda: now)
        await watching.look()
        assert [line.status for line in watching.picture().lines] == ["crashed"]
        now += 6000
        assert await watching.look(), "workers are looked at now and then"


async def test_a_new_day_makes_todays_sums_nothing(tmp_path: Path) -> None:
    await settle_in(tmp_path, triage())
    now = now_ms()
    async with stored(str(tmp_path)) as store:
        watching = Watching(store, str(tmp_path), clock=lambda: now)
        await watching.look()
        assert watching.picture().headline.today.steps == 1
        now += DAY
        assert await watching.look()
        head = watching.picture().headline
        assert (head.today.steps, [one.spent for one in head.budgets]) == (0, [0])
