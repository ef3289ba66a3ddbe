"""Login: a key opens, failures are written down and slowed, nobody is led elsewhere, no other site acts."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.server.console.shop import Open, open_shop

from remit.core.errors import ConfigError
from remit.server.access import AccessSettings, Keys, LocalAccess, MemoryAccessStore, Opened, open_access
from remit.server.console.front import console
from remit.server.console.login import path_here
from remit.server.entrance import Bounds, Entrance


class Locked:
    """A shop with keys, and the keys of two people."""

    def __init__(self, shop: Open, opened: Opened, admin: str, viewer: str) -> None:
        self.shop, self.opened, self.admin, self.viewer = shop, opened, admin, viewer

    async def said(self) -> list[tuple[str, bool, str]]:
        return [(one.name, one.allowed, one.what) for one in await self.shop.store.log.read()]


@pytest.fixture
async def locked() -> AsyncIterator[Locked]:
    store = MemoryAccessStore()
    keys = Keys(store.keys)
    _, admin = await keys.new(tenant="acme", role="admin", name="ann")
    _, viewer = await keys.new(tenant="acme", role="viewer", name="vic")
    opened = await open_access(store, AccessSettings(required=True), host="127.0.0.1")
    async with open_shop(opened, store=store) as shop:
        yield Locked(shop, opened, admin, viewer)


def client(shop: Open) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(base_url=shop.url)


async def test_who_is_nobody_is_led_to_the_login_and_back_to_what_they_wanted(locked: Locked) -> None:
    async with client(locked.shop) as browser:
        first = await browser.get("/sessions?status=waiting")
        assert (first.status_code, first.headers["location"]) == (303, "/login?next=%2Fsessions%3Fstatus%3Dwaiting")
        form = await browser.get(first.headers["location"])
        assert form.status_code == 200
        assert 'name="next" value="/sessions?status=waiting"' in form.text
        assert 'autocomplete="off"' in form.text
        entered = await browser.post("/login", data={"key": f" {locked.admin}\n", "next": "/sessions?status=waiting"})
        assert (entered.status_code, entered.headers["location"]) == (303, "/sessions?status=waiting")
        assert "HttpOnly" in entered.headers["set-cookie"]
        assert (await browser.get("/sessions")).status_code == 200
        # Who is in needs no form.
        assert (await browser.get("/login?next=/tools")).headers["location"] == "/tools"
    assert ("ann", True, "signed in") in await locked.said()


async def test_a_wrong_key_is_written_down_and_slowed_like_any(locked: Locked) -> None:
    async with client(locked.shop) as browser:
        answers = [await browser.post("/login", data={"key": "remit_wrong"}) for _ in range(12)]
        assert not any("set-cookie" in answer.headers for answer in answers)
        assert "too many failed attempts" in answers[-1].text
        assert int(answers[-1].headers["retry-after"]) >= 1
        # Who has a good one is let in however often a neighbour failed.
        assert (await browser.post("/login", data={"key": locked.viewer})).status_code == 303
    assert [answer.status_code for answer in answers] == [401] * 10 + [429] * 2
    refusals = [what for _, allowed, what in await locked.said() if not allowed]
    assert refusals.count("this key is not known, or no longer valid") >= 10


async def test_the_form_to_leave_needs_the_token_of_its_page(locked: Locked) -> None:
    async with client(locked.shop) as browser:
        await browser.post("/login", data={"key": locked.viewer})
        assert (await browser.post("/logout", data={"csrf": "guessed"})).status_code == 403
        assert (await browser.post("/logout", data={"more": "x"})).status_code == 403
        page = (await browser.get("/")).text
        csrf = page.split('name="csrf" value="')[1].split('"')[0]
        left = await browser.post("/logout", data={"csrf": csrf})
        assert (left.status_code, left.headers["location"]) == (303, "/login")
        assert (await browser.get("/")).status_code == 303
        # Who is out already is out.
        assert (await browser.post("/logout", data={"csrf": csrf})).status_code == 303
    assert ("vic", True, "signed out") in await locked.said()


@pytest.mark.parametrize(
    "headers", [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
async def test_another_site_signs_nobody_in(locked: Locked, headers: dict[str, str]) -> None:
    async with client(locked.shop) as browser:
        answer = await browser.post("/login", data={"key": locked.viewer}, headers=headers)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "wanted", ["//evil.example", "/\\evil.example", "http://evil.example", "\\\\evil", "/a\nb", "", "tools", "/login"]
)
def test_nobody_is_led_elsewhere(wanted: str) -> None:
    assert path_here(wanted) == "/"


@given(st.text())
def test_where_somebody_is_led_is_a_path_of_this_site(wanted: str) -> None:
    found = path_here("/" + wanted)
    assert found.startswith("/")
    assert not found.startswith(("//", "/\\"))
    assert "\\" not in found


async def test_what_is_no_form_is_refused_in_words(locked: Locked) -> None:
    async with client(locked.shop) as browser:
        assert (await browser.post("/login", json={"key": "x"})).status_code == 415
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        many = "&".join(f"a{number}=1" for number in range(50))
        assert (await browser.post("/login", content=many, headers=form)).status_code == 400


async def test_where_nobody_needs_a_key_the_login_leads_on() -> None:
    async with open_shop(LocalAccess("acme", None, name="ann")) as shop, client(shop) as browser:
        assert (await browser.get("/login?next=/tools")).headers["location"] == "/tools"
        assert (await browser.post("/login", data={"key": "x", "next": "//evil"})).headers["location"] == "/"
        assert (await browser.post("/logout", data={"more": "x"})).headers["location"] == "/"


async def test_only_admins_see_keys_and_the_log(locked: Locked) -> None:
    async with client(locked.shop) as browser:
        await browser.post("/login", data={"key": locked.viewer})
        seen = (await browser.get("/settings")).text
        assert '"administered":null' in seen
        assert (await browser.get("/v1/keys")).status_code == 403
    async with client(locked.shop) as browser:
        await browser.post("/login", data={"key": locked.admin})
        seen = (await browser.get("/settings")).text
        assert "signed in" in seen
        assert locked.admin not in seen
        assert locked.viewer.split("_")[1] in seen
    assert ("ann", True, "administer") in await locked.said()


async def test_cookies_without_what_slows_failures_do_not_open(locked: Locked) -> None:
    service, cookies = locked.shop.service, locked.opened.cookies
    with pytest.raises(ConfigError, match="slowed"):
        console(Entrance(service, LocalAccess("acme"), Bounds(), cookies))


async def test_a_server_on_its_disk_has_the_same_switches_and_keys(tmp_path: Path) -> None:
    async with open_shop(LocalAccess("acme", None, name="ann"), place=tmp_path) as shop, client(shop) as browser:
        made = await browser.post("/v1/keys", json={"name": "ci"})
        assert made.status_code == 201
        assert [one.name for one in await shop.store.keys.all("acme")] == ["ci"]
        page = (await browser.get("/limits")).text
        assert '"switches":{"switches":[],"history":[]}' in page
