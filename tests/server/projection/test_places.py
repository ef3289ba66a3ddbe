"""Where views are kept: beside a folder's store, or each server's own when the store is in a database."""

import contextlib
import sys
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import cast

import pytest
from tests.server.agents import acting, echo
from tests.server.projection.test_views import until

from remit.core.errors import ConfigError
from remit.core.limits import Tenant
from remit.home import MEMORY, Home, Settings
from remit.journal.postgres import PostgresJournal
from remit.runtime import LocalWorkers, decide
from remit.server.exporting import Pace
from remit.server.projection.port import Listing
from remit.server.projection.running import projecting
from remit.testing import EffectCounter

_PACE = Pace(every=0.02, least=0.01, survey=3600)
_SETTINGS = Settings(tenants=(Tenant(name="acme"),))


@contextlib.asynccontextmanager
async def shared(url: str) -> AsyncGenerator[Home]:
    journal = PostgresJournal(url)
    async with Home(journal, cast("LocalWorkers", journal.workers), bytes(32), _SETTINGS) as home:
        yield home


async def test_all_servers_of_a_database_show_what_happens_at_any_of_them(url: str) -> None:
    async with (
        shared(url) as a,
        shared(url) as b,
        projecting(a, url, pace=_PACE) as here,
        projecting(b, url, pace=_PACE) as there,
    ):
        asked = await a.run(acting(EffectCounter(), asks=True), "act")
        for views in (here, there):
            await until(views, lambda found: [one.waits for one in found.sessions] == [1])
        # Decided at the other one, which leaves the line of the session in the list as it was.
        await decide(b.store, asked.session, "", granted=True, by="ann")
        for views in (here, there):
            await until(views, lambda found: [one.waits for one in found.sessions] == [0])
        await b.run(echo(), "hello over there")
        for views in (here, there):
            await until(views, lambda found: len(found.sessions) == 1, Listing(text="over there"))
            assert (await views.overview("acme")).runs_today == 1


def _ours() -> set[Path]:
    """Find the folders for views in which this process has files open."""
    found: set[Path] = set()
    for handle in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            found |= {folder for folder in handle.readlink().parents if folder.name.startswith("remit-views-")}
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
async def test_a_server_without_a_folder_leaves_nothing_behind(url: str, tmp_path: Path) -> None:
    async with shared(url) as home, projecting(home, url, pace=_PACE) as views:
        await home.run(echo(), "hi")
        await until(views, lambda found: len(found.sessions) == 1)
        folders = _ours()
        assert folders
    assert not [folder for folder in folders if folder.exists()]


async def test_a_folder_of_its_own_keeps_views_over_a_restart(url: str, tmp_path: Path) -> None:
    folder = tmp_path / "state" / "views"
    async with shared(url) as home, projecting(home, url, views=folder, pace=_PACE) as views:
        await home.run(echo(), "hi")
        await until(views, lambda found: len(found.sessions) == 1)
    async with shared(url) as home:
        async with projecting(home, url, views=folder, pace=_PACE) as views:
            # Before it has read anything.
            assert len((await views.list("acme", Listing())).sessions) == 1
        with pytest.raises(ConfigError, match="another server"):
            async with projecting(home, url, views=folder), projecting(home, url, views=folder):
                raise AssertionError
    assert len(list(folder.glob("views-*.db"))) == 1


async def test_homes_that_share_a_folder_have_views_of_their_own(tmp_path: Path) -> None:
    for name in ("one", "two"):
        async with (
            Home.open(tmp_path / name, _SETTINGS) as home,
            projecting(home, tmp_path / name, views=tmp_path / "views", pace=_PACE) as views,
        ):
            await home.run(echo(), "hi")
            await until(views, lambda found: len(found.sessions) == 1)
    assert len(list((tmp_path / "views").glob("views-*.db"))) == 2
    assert not list((tmp_path / "one").glob("views*"))


async def test_a_folder_that_cannot_be_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    async with Home.open(MEMORY, _SETTINGS) as home:
        with pytest.raises(ConfigError, match="cannot be kept"):
            async with projecting(home, tmp_path, views=tmp_path / "file"):
                raise AssertionError
