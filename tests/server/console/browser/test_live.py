"""Pages are live: what happens elsewhere is seen, in any number of tabs, and after the server was away."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from tests.server.console.browser.opening import Opening
from tests.server.console.browser.visitors import Visitors, begun, expect, until, visiting
from tests.server.console.shop import Open, open_shop

from remit.core.events import RunEnded, RunSuspended


@pytest.fixture
async def shop() -> AsyncIterator[Open]:
    async with open_shop(Visitors()) as opened:
        yield opened


async def test_a_list_shows_a_session_that_begins_elsewhere(shop: Open, opening: Opening) -> None:
    page = await opening(f"{shop.url}/sessions", **visiting("viewer"))
    await expect(page.get_by_text("No session fits.")).to_be_visible()
    await expect(page.locator("#live")).to_have_text("live")
    await page.evaluate("window.same = true")
    session = await begun(shop, "refunds", "My kettle arrived broken")
    await expect(page.locator(f'tr[data-key="{session}"]')).to_contain_text("waiting: approval")
    await expect(page.locator("#waiting")).to_have_text("1")
    assert await page.evaluate("window.same")


async def test_an_overview_counts_on(shop: Open, opening: Opening) -> None:
    page = await opening(f"{shop.url}/", **visiting("viewer"))
    await expect(page.locator("#live")).to_have_text("live")
    await begun(shop, "refunds", "My kettle arrived broken")
    await expect(page.locator(".tile", has_text="wait for a person")).to_contain_text("1")
    await expect(page.get_by_role("link", name="My kettle arrived broken")).to_be_visible()


async def test_an_inbox_that_is_open_shows_what_comes(shop: Open, opening: Opening) -> None:
    page = await opening(f"{shop.url}/approvals", **visiting("operator"))
    await expect(page.locator("#live")).to_have_text("live")
    for number in (1, 2):
        await until(shop, await begun(shop, "refunds", f"Kettle {number} arrived broken"), RunSuspended)
        await expect(page.locator("article")).to_have_count(number)


async def test_seven_tabs_at_once_are_all_live_and_can_still_ask(shop: Open, opening: Opening) -> None:
    page = await opening(f"{shop.url}/sessions", **visiting("viewer"))
    tabs = [page, *[await page.context.new_page() for _ in range(6)]]
    for tab in tabs[1:]:
        await tab.goto(f"{shop.url}/sessions")
    for tab in tabs:
        await expect(tab.locator("#live")).to_have_text("live")
    session = await begun(shop, "support", "May I return order A-1001?")
    await until(shop, session, RunEnded)
    for tab in tabs:
        await expect(tab.locator(f'tr[data-key="{session}"]')).to_contain_text("done")
    # A browser that waited for a connection to be free would wait for ever.
    await tabs[-1].get_by_role("searchbox").fill("no such words")
    await expect(tabs[-1].get_by_text("No session fits.")).to_be_visible()


async def test_a_page_says_that_it_is_offline_and_misses_nothing_of_meanwhile(tmp_path: Path, opening: Opening) -> None:
    async with open_shop(Visitors(), place=tmp_path) as shop:
        port = urlsplit(shop.url).port
        assert port is not None
        first = await begun(shop, "support", "May I return order A-1001?")
        await until(shop, first, RunEnded)
        page = await opening(f"{shop.url}/sessions", **visiting("viewer"), strict=False)
        await expect(page.locator("#live")).to_have_text("live")
        await expect(page.locator(f'tr[data-key="{first}"]')).to_contain_text("done")
        await page.evaluate("window.same = true")
    await expect(page.locator("#live")).to_have_text("offline")
    async with open_shop(Visitors(), place=tmp_path, port=port) as shop:
        second = await begun(shop, "support", "May I return order A-1002?")
        await until(shop, second, RunEnded)
        await expect(page.locator("#live")).to_have_text("live")
        await expect(page.locator(f'tr[data-key="{second}"]')).to_contain_text("done")
        third = await begun(shop, "refunds", "My kettle arrived broken")
        await expect(page.locator(f'tr[data-key="{third}"]')).to_contain_text("waiting")
        assert await page.evaluate("window.same")
        await page.close()


async def test_the_trace_of_a_session_grows_while_it_is_looked_at(shop: Open, opening: Opening) -> None:
    session = await begun(shop, "refunds", "My kettle arrived broken")
    await until(shop, session, RunSuspended)
    page = await opening(f"{shop.url}/sessions/{session}", **visiting("operator", name="olga"))
    await page.get_by_role("button", name="Approve").click()
    await page.get_by_role("dialog").get_by_role("button", name="Approve").click()
    await expect(page.locator("tr[data-key]", has_text="The money is on its way.").first).to_be_visible()


@pytest.mark.parametrize(
    ("keys", "path"),
    [("ga", "/approvals"), ("gs", "/sessions"), ("ge", "/agents"), ("gt", "/tools"), ("gf", "/flags"), ("go", "/")],
)
async def test_two_keys_go_to_a_page(shop: Open, opening: Opening, keys: str, path: str) -> None:
    page = await opening(f"{shop.url}/{'tools' if path != '/tools' else ''}", **visiting("viewer"))
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    for key in keys:
        await page.keyboard.press(key)
    await page.wait_for_url(shop.url + path)


async def test_keys_are_letters_while_somebody_writes(shop: Open, opening: Opening) -> None:
    page = await opening(f"{shop.url}/sessions", **visiting("viewer"))
    await page.keyboard.press("/")
    await page.keyboard.type("ga?")
    await expect(page.get_by_role("searchbox")).to_have_value("ga?")
    await expect(page).to_have_url(f"{shop.url}/sessions?q=ga%3F")
    await page.get_by_role("heading", name="Sessions").click()
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()


async def test_a_list_is_read_with_the_keyboard_and_the_chosen_row_stays_chosen(shop: Open, opening: Opening) -> None:
    for number in (1, 2):
        await until(shop, await begun(shop, "support", f"May I return order A-100{number}?"), RunEnded)
    page = await opening(f"{shop.url}/sessions", **visiting("viewer"))
    rows = page.locator("tr[data-key]")
    await expect(rows).to_have_count(2)
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    chosen = page.locator("tr[aria-selected=true]")
    await expect(chosen).to_contain_text("A-1001")
    # Another comes before it.
    await begun(shop, "refunds", "My kettle arrived broken")
    await expect(rows).to_have_count(3)
    await expect(chosen).to_contain_text("A-1001")
    key = await chosen.get_attribute("data-key")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/sessions/{key}**")


async def test_the_focus_stays_where_it_is_while_a_list_and_an_inbox_go_on(shop: Open, opening: Opening) -> None:
    first = await begun(shop, "refunds", "Kettle 1 arrived broken")
    await until(shop, first, RunSuspended)
    page = await opening(f"{shop.url}/sessions", **visiting("operator"))
    link = page.get_by_role("link", name="Kettle 1 arrived broken")
    await link.focus()
    second = await begun(shop, "refunds", "Kettle 2 arrived broken")
    await expect(page.locator(f'tr[data-key="{second}"]')).to_be_visible()
    await expect(link).to_be_focused()
    await page.goto(f"{shop.url}/approvals")
    button = page.locator(f'article[data-session="{second}"]').get_by_role("button", name="Deny")
    await button.focus()
    await begun(shop, "refunds", "Kettle 3 arrived broken")
    await expect(page.locator("article")).to_have_count(3)
    await expect(button).to_be_focused()
