"""Views of a home come by themselves, survive restarts and damage, and tell what changes."""

import asyncio
import contextlib
import itertools
import sqlite3
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from tests.server.agents import acting, asking, echo

from remit.core import events as ev
from remit.core.errors import ConfigError
from remit.core.limits import Tenant
from remit.home import Home, Settings
from remit.journal import MemoryJournal
from remit.server.exporting import Pace
from remit.server.projection.files import FILE, SCHEMA
from remit.server.projection.keeping import Keeper
from remit.server.projection.port import Listing, Summaries
from remit.server.projection.running import projecting
from remit.server.projection.views import Views
from remit.server.service import RefusedError
from remit.testing import EffectCounter
from remit.testing.journals import session_opened

_PACE = Pace(every=0.02, least=0.01, survey=0.05)
_SETTINGS = Settings(tenants=(Tenant(name="acme", usd_per_day=5.0),))


async def soon(true: Callable[[], Awaitable[bool]]) -> None:
    """Ask until it is so; while views are made again there is no answer."""
    async with asyncio.timeout(20):
        for _ in itertools.count():
            with contextlib.suppress(RefusedError):
                if await true():
                    return
            await asyncio.sleep(0.01)


async def until(views: Views, fits: Callable[[Summaries], bool], listing: Listing | None = None) -> None:
    """Ask until the list is so."""

    async def true() -> bool:
        return fits(await views.list("acme", listing or Listing()))

    await soon(true)


def modes(folder: Path) -> set[int]:
    return {stat.S_IMODE(one.stat().st_mode) for one in folder.glob(f"{FILE}*")}


async def test_sessions_that_wait_are_counted_until_somebody_decides(tmp_path: Path) -> None:
    async with Home.open(tmp_path, _SETTINGS) as home, projecting(home, tmp_path, pace=_PACE) as views:
        clerk = acting(EffectCounter(), asks=True)
        asked = await home.run(clerk, "act")
        await home.run(asking(), "which?")
        await until(views, lambda found: [one.waits for one in found.sessions] == [1, 1])
        overview = await views.overview("acme")
        assert (overview.waiting, overview.approvals, overview.questions, overview.budget_usd) == (2, 1, 1, 5.0)
        assert overview.oldest_wait is not None
        await home.approve(asked.session, by="ann")
        await home.resume(clerk, asked.session)
        await until(views, lambda found: {one.status for one in found.sessions} == {"idle", "waiting"})
        assert (await views.overview("acme")).approvals == 0
        await home.send(asked.session, "again")
        await until(views, lambda found: "message" in {one.why for one in found.sessions})
        overview = await views.overview("acme")
        assert (overview.queued, overview.runs_today) == (1, 1)
        assert overview.oldest_queued is not None


async def test_views_are_their_owners_alone_and_go_on_where_they_stood(tmp_path: Path) -> None:
    for number in range(2):
        async with Home.open(tmp_path, _SETTINGS) as home, projecting(home, tmp_path, pace=_PACE) as views:
            await home.run(echo(), f"round {number}", session="s")
            await until(views, lambda found, number=number: [one.runs for one in found.sessions] == [number + 1])
            assert modes(tmp_path) == {0o600}
    async with Home.open(tmp_path, _SETTINGS) as home, projecting(home, tmp_path) as views:
        assert [one.runs for one in (await views.list("acme", Listing(text="round"))).sessions] == [2]


def _change(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(statement)
    connection.close()


def _spoil(path: Path) -> None:
    body = bytearray(path.read_bytes())
    for place in range(4096, len(body), 4096):
        body[place : place + 64] = bytes(64)
    path.write_bytes(body)


HARMS: dict[str, Callable[[Path], object]] = {
    "text": lambda path: path.write_bytes(b"no database" * 900),
    "half": lambda path: path.write_bytes(path.read_bytes()[:5000]),
    "pages": _spoil,
    # What its tables mean is not known: here all sums are another.
    "newer": lambda path: _change(path, f"PRAGMA user_version = {SCHEMA + 1}; UPDATE hours SET amounts = x'80'"),
    "table": lambda path: _change(path, "DROP TABLE hours"),
    # They tell of what the journals of an older copy do not have yet.
    "other journal": lambda path: _change(
        path, "UPDATE sessions SET listed = listed + 1; UPDATE hours SET amounts = x'80'"
    ),
    "gone": lambda path: path.unlink(),
}


@pytest.mark.parametrize("harm", HARMS)
async def test_what_cannot_be_used_is_made_again(harm: str, tmp_path: Path) -> None:
    async with Home.open(tmp_path, _SETTINGS) as home:
        async with projecting(home, tmp_path, pace=_PACE):
            await home.run(echo(), "one", session="s")
        HARMS[harm](tmp_path / FILE)
        async with projecting(home, tmp_path, pace=_PACE) as views:
            await home.run(echo(), "two", session="t")

            async def whole() -> bool:
                found = await views.list("acme", Listing(text="one"))
                figures = await views.figures("acme", since=0, until=2**42, step=1)
                return [one.id for one in found.sessions] == ["s"] and [one.runs for one in figures.agents] == [2]

            await soon(whole)


def test_a_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    _change(tmp_path / FILE, "CREATE TABLE songs (name TEXT)")
    with pytest.raises(ConfigError, match="move it away"):
        Keeper(MemoryJournal(), tmp_path / FILE)
    assert (tmp_path / FILE).exists()


async def test_a_file_that_loses_its_past_meanwhile_is_made_again(tmp_path: Path) -> None:
    async with Home.open(tmp_path, _SETTINGS) as home, projecting(home, tmp_path, pace=_PACE) as views:
        await home.run(echo(), "one", session="s")
        await until(views, lambda found: bool(found.sessions))
        _change(tmp_path / FILE, "DELETE FROM sessions")
        await home.run(echo(), "two", session="s")
        await until(views, lambda found: bool(found.sessions), Listing(text="two"))
        await until(views, lambda found: [one.runs for one in found.sessions] == [2])

        async def counted() -> bool:
            return (await views.overview("acme")).idle == 1

        # Not once for what is gone and once for what came.
        await soon(counted)


async def test_a_call_in_doubt_is_flagged_and_pages_of_flags_come_newest_first() -> None:
    store = MemoryJournal()
    keeper = Keeper(store, None)
    views = Views(keeper, store, {})
    flags = [ev.Flagged(kind, "notice", f"{n}") for n, kind in enumerate(("honeypot", "repetition", "drift") * 3)]
    opened = session_opened()
    await store.append("s", [opened, *flags], after=0)
    await keeper.look()
    seen: list[int] = []
    after: str | None = ""
    while after is not None:
        page = await views.flags(opened.tenant, limit=2, after=after)
        seen += [one.seq for one in page.flags]
        after = page.next
    assert seen == list(range(10, 1, -1))
    loops = (await views.flags(opened.tenant, kinds=("loop",))).flags
    assert [(one.kind, one.what, one.seq) for one in loops] == [("loop", "repetition", seq) for seq in (9, 6, 3)]
    both = (await views.flags(opened.tenant, kinds=("loop", "other"))).flags
    assert len(both) == 6
    assert (await views.flags("nobody")).flags == ()
    listed = await views.list(opened.tenant, Listing(flag="loop"))
    assert [one.flags for one in listed.sessions] == [9]
    await keeper.close()
