"""A viewer sees everything, and has nothing in hand that acts."""

from collections.abc import AsyncIterator

import pytest
from tests.server.console.browser.opening import Opening
from tests.server.console.browser.visitors import Visitors, begun, expect, until, visiting
from tests.server.console.shop import Open, open_shop

from remit.core.events import RunEnded, RunSuspended

ACTS = ("Approve", "Deny", "Edit…", "Answer…", "Decline", "Kill", "Pause", "Resume", "Replay", "Close", "Send", "Fork",
        "It happened", "It did not")  # fmt: skip


@pytest.fixture
async def shop() -> AsyncIterator[Open]:
    async with open_shop(Visitors()) as opened:
        yield opened


async def test_a_viewer_sees_what_waits_and_can_neither_click_nor_ask_for_a_decision(
    shop: Open, opening: Opening
) -> None:
    mail = await begun(shop, "support", "May I return order A-1001?")
    refund = await begun(shop, "refunds", "My kettle arrived broken")
    ticket = await begun(shop, "tickets", "The door sticks")
    day = await begun(shop, "deliveries", "When does it come?")
    runaway = await begun(shop, "research", "Find kettles")
    await until(shop, mail, RunEnded)
    waiting = {session: await until(shop, session, RunSuspended) for session in (refund, ticket, day)}
    assert len(waiting) == 3
    page = await opening(f"{shop.url}/approvals", **visiting("viewer", name="vera"))
    await expect(page.locator("article")).to_have_count(3)
    await expect(page.get_by_text("Your role may look, not decide.")).to_have_count(3)
    for path in ("/", "/sessions", "/approvals", "/agents", "/agents/support", "/tools", "/flags",
                 *(f"/sessions/{one}" for one in (mail, refund, ticket, day, runaway))):  # fmt: skip
        await page.goto(shop.url + path)
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        for name in ACTS:
            await expect(page.get_by_role("button", name=name)).to_have_count(0)
        await expect(page.get_by_role("checkbox")).to_have_count(0)

    # Neither do keys act, nor the API behind them.
    await page.goto(f"{shop.url}/approvals")
    await expect(page.locator("article")).to_have_count(3)
    for key in ("a", "d", "e", "y", "n", "x"):
        await page.keyboard.press(key)
    await expect(page.get_by_role("dialog")).to_have_count(0)
    call = await page.locator(f'article[data-session="{refund}"]').get_attribute("data-call")
    for path, body in (
        (f"sessions/{refund}/approvals/{call}", {"granted": True}),
        (f"sessions/{ticket}/doubts/{call}", {"happened": True}),
        (f"sessions/{day}/answers/{call}", {"given": {"day": "Monday"}}),
        (f"sessions/{runaway}/cancel", {}),
        (f"sessions/{mail}/fork", {}),
        (f"sessions/{mail}/messages", {"text": "hello"}),
        ("sessions", {"agent": "support", "text": "hello"}),
    ):
        answer = await page.request.post(f"{shop.url}/v1/{path}", data=body)
        assert answer.status == 403, path
    assert shop.shop.refund.happened() == []
