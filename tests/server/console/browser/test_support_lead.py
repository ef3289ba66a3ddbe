"""A support lead finds out why a mail was answered wrongly."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from tests.server.console.browser.opening import Opening
from tests.server.console.browser.visitors import Visitors, begun, expect, until, visiting
from tests.server.console.shop import OLD_POLICY, Open, open_shop

from remit.core.events import RunEnded


@pytest.fixture
async def shop() -> AsyncIterator[Open]:
    async with open_shop(Visitors()) as opened:
        yield opened


async def test_a_wrong_answer_is_followed_to_the_outdated_page_that_it_came_from(
    shop: Open, opening: Opening, tmp_path: Path
) -> None:
    mail = await begun(shop, "support", "My espresso grinder, order A-1001, came 21 days ago. May I send it back?")
    other = await begun(shop, "support", "The grinder is too loud. How long may I return A-1001?")
    kettle = await begun(shop, "tickets", "The kettle of A-1002 leaks")
    for session in (mail, other):
        await until(shop, session, RunEnded)
    page = await opening(f"{shop.url}/sessions", **visiting("viewer", name="lea"))

    # She remembers a word of it.
    await page.get_by_role("searchbox", name="Search in messages").fill("grinder 21 days")
    rows = page.locator("tbody tr[data-key]")
    await expect(rows).to_have_count(1)
    await expect(page).to_have_url(f"{shop.url}/sessions?q=grinder+21+days")
    await rows.get_by_role("link").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("My espresso grinder")

    # Which step brought it?
    await page.get_by_role("button", name="Conversation").click()
    await expect(page.locator(".talk")).to_contain_text("possible within 14 days only")
    await page.get_by_role("button", name="Trace").click()
    await page.get_by_role("searchbox", name="Find in this session").fill("knowledge")
    await page.locator("tr[data-key]", has_text="returns days").last.click()
    detail = page.get_by_role("region", name="The chosen step")
    await expect(detail.locator(".part", has_text="Outcome")).to_contain_text(OLD_POLICY)
    await expect(detail.locator(".part", has_text="Arguments")).to_contain_text("returns days")

    # Was the model shown that page, and nothing better?
    await page.get_by_role("searchbox", name="Find in this session").fill("")
    await page.locator("tr[data-key]", has_text="gpt-5-mini").last.click()
    await expect(detail.locator(".part", has_text="Shown to the model")).to_contain_text(OLD_POLICY)
    await expect(detail.locator(".part", has_text="Tools on offer")).to_contain_text("search_knowledge")

    # The evidence goes into a ticket.
    async with page.expect_download() as waiting:
        await page.get_by_role("link", name="Export").click()
    await (await waiting.value).save_as(tmp_path / "journal")
    lines = [msgspec.json.decode(line) for line in (tmp_path / "journal").read_text().splitlines()]
    assert [line["kind"] for line in lines][-1] == "RunEnded"
    assert any(OLD_POLICY in str(line) for line in lines)

    # Who else was told so?
    await page.get_by_role("link", name="Sessions").click()
    await page.get_by_role("searchbox", name="Search in messages").fill("grinder")
    await expect(rows).to_have_count(2)
    assert {await rows.nth(at).get_attribute("data-key") for at in range(2)} == {mail, other}
    await page.get_by_role("searchbox", name="Search in messages").fill("leaks")
    await expect(rows).to_have_count(1)
    assert await rows.get_attribute("data-key") == kettle
