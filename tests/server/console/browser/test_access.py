"""Who comes in by a browser, what pages of other sites cannot do there, and how things are stopped from it."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route
from tests.server.console.browser.opening import Opening
from tests.server.console.shop import Open, open_shop

from remit.server.access import AccessSettings, Keys, LocalAccess, MemoryAccessStore, Opened, open_access
from remit.server.access.port import Principal
from remit.server.api import Bind, listening
from remit.server.service import Wish

if TYPE_CHECKING:
    from playwright.async_api import Page

ANN = Principal(name="ann", tenant="acme", role="admin")


@contextlib.asynccontextmanager
async def locked() -> AsyncGenerator[tuple[Open, str]]:
    """Open a shop that needs a key, and give an admin's."""
    store = MemoryAccessStore()
    _, text = await Keys(store.keys).new(tenant="acme", role="admin", name="ann")
    opened: Opened = await open_access(store, AccessSettings(required=True), host="127.0.0.1")
    async with open_shop(opened, store=store) as shop:
        yield shop, text


async def until(shop: Open, session: str, kind: str, *, after: int = 0) -> int:
    async with asyncio.timeout(20):
        async for record in shop.home.store.follow(session, after=after):
            if type(record.event).__name__ == kind:
                return record.seq
    raise AssertionError


async def enter(page: "Page", key: str) -> None:
    await page.get_by_label("API key").fill(key)
    await page.get_by_role("button", name="Sign in").click()


async def test_a_person_comes_in_with_a_key_and_leaves_again(opening: Opening) -> None:
    async with locked() as (shop, key):
        page = await opening(f"{shop.url}/settings")
        assert page.url.endswith("/login?next=%2Fsettings")
        await enter(page, "remit_not-a-key")
        await page.get_by_role("alert").filter(has_text="not known").wait_for()
        await enter(page, key)
        await page.wait_for_url("**/settings")
        await page.get_by_text("a key pasted here").wait_for()
        # A change from the page is let in: it shows the token.
        await page.get_by_role("button", name="New key").click()
        await page.get_by_label("Name of the person or program").fill("ci")
        await page.get_by_role("button", name="Make it").click()
        secret = await page.get_by_label("The key", exact=True).input_value()
        assert (await Keys(shop.store.keys).open(secret)).name == "ci"
        await page.get_by_role("button", name="I have kept it").click()
        await page.get_by_role("cell", name="ci", exact=True).first.wait_for()
        assert secret not in await page.content()
        await page.get_by_role("button", name="Sign out").click()
        await page.wait_for_url("**/login")
        await page.goto(f"{shop.url}/settings")
        assert "/login" in page.url


async def test_a_key_is_rotated_and_revoked_and_the_log_says_by_whom(opening: Opening) -> None:
    async with open_shop(LocalAccess("acme", None, name="ann")) as shop:
        await Keys(shop.store.keys).new(tenant="acme", role="viewer", name="vic", by="root")
        page = await opening(f"{shop.url}/settings")
        await page.get_by_role("button", name="Rotate").click()
        await page.get_by_role("dialog").get_by_role("button", name="Rotate").click()
        await page.get_by_role("button", name="I have kept it").click()
        await page.get_by_text("ending").wait_for()
        old = next(key for key in await shop.store.keys.all("acme") if key.heir)
        await page.get_by_role("button", name=f"Revoke {old.id}").click()
        await page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
        await page.get_by_text("rotated", exact=True).wait_for()
        assert not (await shop.store.keys.all("acme"))[0].valid(2**53)


@pytest.mark.parametrize("how", ["form", "fetch", "delete"])
async def test_a_page_of_another_site_cannot_act_for_who_is_in(opening: Opening, how: str) -> None:
    async with locked() as (shop, key):

        async def hostile(request: Request) -> HTMLResponse:
            target = json.dumps(shop.url)
            acts = {
                "form": f"const f = document.createElement('form'); f.method = 'post'; f.action = {target} + '/logout';"
                "document.body.append(f); f.submit();",
                "fetch": f"fetch({target} + '/v1/switches', {{method: 'POST', credentials: 'include', mode: 'no-cors',"
                "headers: {'content-type': 'text/plain'},"
                "body: JSON.stringify({kind: 'tenant', name: 'acme'})}).finally(() => document.title = 'tried');",
                "delete": f"fetch({target} + '/v1/keys/x', {{method: 'DELETE', credentials: 'include'}})"
                ".catch(() => document.title = 'tried');",
            }
            return HTMLResponse(f"<!doctype html><title>hostile</title><body><script>{acts[how]}</script>")

        async with listening(Starlette(routes=[Route("/", hostile)]), Bind(port=0)) as elsewhere:
            page = await opening(f"{shop.url}/", strict=False)
            await enter(page, key)
            await page.wait_for_url(f"{shop.url}/")
            # Another port of the same host has the same cookies, so SameSite alone does not help.
            await page.goto(elsewhere)
            if how == "form":
                await page.wait_for_url("**/logout")
                await page.get_by_text("this request comes from another website").wait_for()
            else:
                await page.wait_for_function("document.title === 'tried'")
            await page.goto(f"{shop.url}/settings")
            assert page.url == f"{shop.url}/settings", "still in"
        assert shop.service.switching.all(ANN) == ()
        refusals = [one.what for one in await shop.store.log.read() if not one.allowed]
        # A preflight is not let in at all.
        assert how == "delete" or "this request comes from another website" in refusals


async def test_an_operator_stops_a_runaway_with_a_reason_and_lets_it_go_on(opening: Opening) -> None:
    store = MemoryAccessStore()
    async with open_shop(LocalAccess("acme", store.log, name="olga"), store=store) as shop:
        session = (await shop.service.begin(ANN, Wish("research", "Find the cheapest supplier"))).view.id
        page = await opening(f"{shop.url}/limits")
        await page.get_by_role("button", name="Switch agent research off").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_role("button", name="Switch off").click()
        # Without a reason it stays open.
        await dialog.get_by_label("Reason").fill("it loops")
        await dialog.get_by_role("button", name="Switch off").click()
        await page.get_by_role("status").filter(has_text="agent research is off").first.wait_for()
        await page.get_by_role("cell", name="switched off: agent 'research': it loops").wait_for()
        asleep = await until(shop, session, "RunSuspended")
        assert [one.reason for one in shop.service.switching.all(ANN)] == ["it loops"]
        await page.get_by_role("button", name="Switch agent research on").click()
        await page.get_by_role("dialog").get_by_role("button", name="Switch on").click()
        await page.get_by_role("button", name="Switch agent research off").wait_for()
        assert shop.service.switching.all(ANN) == ()
        await until(shop, session, "RunResumed", after=asleep)
        await shop.service.cancel(ANN, session)


async def test_a_viewer_sees_the_limits_and_no_button_to_switch(opening: Opening) -> None:
    async with locked() as (shop, _):
        _, viewer = await Keys(shop.store.keys).new(tenant="acme", role="viewer", name="vic")
        page = await opening(f"{shop.url}/limits", narrow=True, dark=True)
        await enter(page, viewer)
        await page.wait_for_url("**/limits")
        await page.get_by_role("cell", name="research").first.wait_for()
        assert await page.get_by_role("button", name="Switch").count() == 0
        await page.goto(f"{shop.url}/settings")
        await page.get_by_text("Keys, people and the audit log are for admins.").wait_for()
        wide = await page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 390
