"""An operator's day: what waits is decided, what runs away is stopped, and all of it is signed."""

import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

import pytest
from tests.server.console.browser.opening import Opening
from tests.server.console.browser.visitors import Visitors, begun, expect, until, visiting, written
from tests.server.console.shop import Open, Shop, Unsure, open_shop
from tests.server.rig import principal

from remit.core.events import (
    ApprovalGiven,
    CancelAsked,
    EffectEnded,
    EffectReconciled,
    InputGiven,
    RunEnded,
    RunSuspended,
)
from remit.testing import EffectCounter

if TYPE_CHECKING:
    from playwright.async_api import Locator, Page


@pytest.fixture
async def shop() -> AsyncIterator[Open]:
    ticket = EffectCounter(name="create_ticket", around=Unsure(2))
    async with open_shop(Visitors(), shop=Shop(ticket=ticket)) as opened:
        yield opened


async def asking(shop: Open, text: str = "My kettle arrived broken") -> str:
    session = await begun(shop, "refunds", text)
    await until(shop, session, RunSuspended)
    return session


def card(page: "Page", session: str) -> "Locator":
    return page.locator(f'article[data-session="{session}"]')


async def test_a_refund_is_approved_with_its_exact_arguments_in_sight(shop: Open, opening: Opening) -> None:
    session = await asking(shop)
    page = await opening(f"{shop.url}/approvals", **visiting("operator", name="olga"))
    shown = card(page, session)
    args = json.loads(await shown.locator("pre").inner_text())
    assert args == {"order": "A-1002", "usd": 49.5, "reason": "arrived broken"}
    assert shop.shop.till.paid == []

    await shown.get_by_role("button", name="Approve").click()
    dialog = page.get_by_role("dialog", name="Approve refund?")
    assert json.loads(await dialog.locator("pre").inner_text()) == args
    await dialog.get_by_label("Reason").fill("seen the photo")
    await dialog.get_by_role("button", name="Approve").click()

    await expect(page.get_by_text("Nothing waits for you.")).to_be_visible()
    await until(shop, session, RunEnded)
    assert shop.shop.till.paid == [args]
    assert len(shop.shop.refund.happened()) == 1
    (given,) = await written(shop, session, ApprovalGiven)
    assert (given.by, given.granted, given.reason) == ("olga", True, "seen the photo")


async def test_a_refund_is_approved_and_another_denied_without_a_mouse(shop: Open, opening: Opening) -> None:
    first, second = await asking(shop), await asking(shop, "My kettle is green")
    page = await opening(f"{shop.url}/", **visiting("operator", name="olga"))
    await expect(page.locator("#waiting")).to_have_text("2")
    await page.keyboard.press("g")
    await page.keyboard.press("a")
    await page.wait_for_url("**/approvals")
    await expect(card(page, first)).to_have_attribute("data-current", "true")
    await page.keyboard.press("a")
    await expect(page.get_by_role("dialog", name="Approve refund?")).to_be_visible()
    await page.keyboard.type("fine")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(card(page, first)).to_have_count(0)

    await expect(card(page, second)).to_have_attribute("data-current", "true")
    await page.keyboard.press("d")
    await expect(page.get_by_role("dialog", name="Deny refund?")).to_be_visible()
    await page.keyboard.type("green is a colour")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await expect(card(page, second)).to_have_count(0)

    for session in (first, second):
        await until(shop, session, RunEnded)
    assert len(shop.shop.refund.happened()) == 1
    assert [one.granted for one in await written(shop, first, ApprovalGiven)] == [True]
    (denied,) = await written(shop, second, ApprovalGiven)
    assert (denied.by, denied.granted, denied.reason) == ("olga", False, "green is a colour")


async def test_a_large_refund_needs_somebody_else_as_well(shop: Open, opening: Opening) -> None:
    session = await asking(shop, "A large refund, please")
    page = await opening(f"{shop.url}/approvals", **visiting("operator", name="olga"))
    await expect(card(page, session)).to_contain_text("0 of 2 people approved")
    await approve(page, session)
    await expect(card(page, session)).to_contain_text("1 of 2 people approved (olga)")
    assert shop.shop.refund.happened() == []

    # The same person cannot allow it again, and is told what it waits for.
    await expect(page.locator(".toast")).to_contain_text("somebody else must allow it too")
    await expect(card(page, session)).to_contain_text("You allowed it.")
    await expect(card(page, session).get_by_role("button", name="Approve")).to_have_count(0)

    boss = await opening(f"{shop.url}/approvals", **visiting("operator", name="piet"))
    await expect(card(boss, session)).to_contain_text("1 of 2 people approved (olga)")
    await approve(boss, session)
    await expect(boss.get_by_text("Nothing waits for you.")).to_be_visible()
    # She sees it go without doing anything.
    await expect(page.get_by_text("Nothing waits for you.")).to_be_visible()
    await until(shop, session, RunEnded)
    assert [one["usd"] for one in shop.shop.till.paid] == [490.0]
    assert [one.by for one in await written(shop, session, ApprovalGiven)] == ["olga", "piet"]


async def approve(page: "Page", session: str) -> None:
    await card(page, session).get_by_role("button", name="Approve").click()
    await page.get_by_role("dialog").get_by_role("button", name="Approve").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_arguments_are_edited_and_the_changed_call_runs(shop: Open, opening: Opening) -> None:
    session = await asking(shop)
    page = await opening(f"{shop.url}/sessions/{session}", **visiting("operator", name="olga"))
    await card(page, session).get_by_role("button", name="Edit…").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Arguments as JSON").fill('{"usd": 20')
    await dialog.get_by_role("button", name="Approve these").click()
    await expect(dialog.get_by_role("alert")).to_be_visible()
    args = {"order": "A-1002", "usd": 20.0, "reason": "a scratch only"}
    await dialog.get_by_label("Arguments as JSON").fill(json.dumps(args))
    await dialog.get_by_label("Reason").fill("the photo shows a scratch")
    await dialog.get_by_role("button", name="Approve these").click()

    await expect(page.get_by_role("heading", level=1)).to_contain_text("done")
    assert shop.shop.till.paid == [args]
    (given,) = await written(shop, session, ApprovalGiven)
    assert (given.by, given.args, given.reason) == ("olga", args, "the photo shows a scratch")
    # Whoever reads the trace sees both, and who changed it.
    await page.locator("tr[data-key]", has=page.get_by_text("refund", exact=True)).first.click()
    detail = page.get_by_role("region", name="The chosen step")
    await expect(detail.locator(".part", has_text="Asked for by the model")).to_contain_text("49.5")
    await expect(detail.locator(".part", has_text="People")).to_contain_text("olga")


async def test_many_are_decided_at_once_and_each_is_a_decision_of_its_own(shop: Open, opening: Opening) -> None:
    sessions = [await asking(shop, f"Kettle {number} arrived broken") for number in range(3)]
    page = await opening(f"{shop.url}/approvals", **visiting("operator", name="olga"))
    for session in sessions[:2]:
        await card(page, session).get_by_role("checkbox").check()
    await page.get_by_role("button", name="Approve 2").click()
    dialog = page.get_by_role("dialog", name="Approve 2 calls?")
    await expect(dialog.get_by_role("listitem")).to_have_count(2)
    await expect(dialog.get_by_role("listitem").first).to_contain_text("usd=49.5")
    await dialog.get_by_label("Reason").fill("one batch")
    await dialog.get_by_role("button", name="Approve all 2").click()
    await expect(page.get_by_text("2 of 2 approved")).to_be_visible()
    await expect(page.locator("article")).to_have_count(1)
    for session in sessions[:2]:
        await until(shop, session, RunEnded)
        assert [one.by for one in await written(shop, session, ApprovalGiven)] == ["olga"]
    assert len(shop.shop.refund.happened()) == 2
    assert await written(shop, sessions[2], ApprovalGiven) == []


async def test_a_runaway_is_killed_from_its_page(shop: Open, opening: Opening) -> None:
    session = await begun(shop, "research", "Find the cheapest kettles")
    page = await opening(f"{shop.url}/sessions?status=running", **visiting("operator", name="olga"))
    await page.get_by_role("link", name="Find the cheapest kettles").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("running")
    await page.get_by_role("button", name="Kill").click()
    dialog = page.get_by_role("dialog", name="Kill this run?")
    await dialog.get_by_label("Reason").fill("it runs in circles")
    await dialog.get_by_role("button", name="Kill this run").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("cancelled")
    (asked,) = await written(shop, session, CancelAsked)
    assert (asked.by, asked.reason) == ("olga", "it runs in circles")
    assert (await until(shop, session, RunEnded)).status == "cancelled"


async def test_a_run_is_paused_and_goes_on_when_somebody_says_so(shop: Open, opening: Opening) -> None:
    session = await begun(shop, "research", "Find the cheapest kettles")
    page = await opening(f"{shop.url}/sessions/{session}", **visiting("operator", name="olga"))
    await page.get_by_role("button", name="Pause").click()
    await page.get_by_role("dialog").get_by_role("button", name="Pause").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("paused")
    await page.get_by_role("button", name="Resume").click()
    await expect(page.get_by_role("button", name="Pause")).to_be_visible()
    await shop.service.cancel(principal(), session)
    await expect(page.get_by_role("heading", level=1)).to_contain_text("cancelled")


async def test_a_ticket_in_doubt_is_settled_as_made_and_another_is_made_again(shop: Open, opening: Opening) -> None:
    made, lost = await begun(shop, "tickets", "The door sticks"), await begun(shop, "tickets", "The light flickers")
    for session in (made, lost):
        await until(shop, session, RunSuspended)
    assert len(shop.shop.ticket.happened()) == 2
    page = await opening(f"{shop.url}/approvals", **visiting("operator", name="olga"))
    await expect(card(page, made)).to_contain_text("may or may not have happened")
    await card(page, made).get_by_role("button", name="It happened").click()
    await page.get_by_role("dialog").get_by_label("What it gave").fill('{"ticket": "T-7"}')
    await page.get_by_role("dialog").get_by_role("button", name="It happened").click()
    await expect(card(page, made)).to_have_count(0)
    assert "T-7" in str((await until(shop, made, RunEnded)).output)
    assert len(shop.shop.ticket.happened()) == 2

    await card(page, lost).get_by_role("button", name="It did not").click()
    await page.get_by_role("dialog").get_by_role("button", name="It did not happen").click()
    await expect(card(page, lost)).to_have_count(0)
    await until(shop, lost, RunEnded)
    assert len(shop.shop.ticket.happened()) == 3
    for session, happened in ((made, True), (lost, False)):
        (found,) = await written(shop, session, EffectReconciled)
        assert (found.by, found.happened) == ("olga", happened)


async def test_a_question_of_a_tool_is_answered(shop: Open, opening: Opening) -> None:
    session = await begun(shop, "deliveries", "When does my kettle come?")
    await until(shop, session, RunSuspended)
    page = await opening(f"{shop.url}/approvals", **visiting("operator", name="olga"))
    await expect(card(page, session)).to_contain_text("On which day shall it come?")
    await card(page, session).get_by_role("button", name="Answer…").click()
    await page.get_by_role("dialog").get_by_label("Day").select_option("Friday")
    await page.get_by_role("dialog").get_by_role("button", name="Answer").click()
    await expect(card(page, session)).to_have_count(0)
    await until(shop, session, RunEnded)
    (given,) = await written(shop, session, InputGiven)
    assert (given.by, given.given) == ("olga", {"day": "Friday"})
    outcomes = [one.outcome.output for one in await written(shop, session, EffectEnded)]
    assert outcomes == [{"day": "Friday"}]
