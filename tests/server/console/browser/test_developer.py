"""A developer tries another prompt where a run went wrong, and talks to an agent."""

from collections.abc import AsyncIterator

import pytest
from tests.server.agents import HeldModel
from tests.server.console.browser.opening import Opening
from tests.server.console.browser.visitors import Visitors, begun, expect, until, visiting, written
from tests.server.console.shop import Open, Shop, open_shop

from remit.core.agent import Agent
from remit.core.events import EffectStarted, MessageReceived, RunEnded, SessionOpened


@pytest.fixture
def held() -> HeldModel:
    return HeldModel(("Good ", "morning, ", "Dave."))


@pytest.fixture
async def shop(held: HeldModel) -> AsyncIterator[Open]:
    async with open_shop(Visitors(), shop=Shop(more=[Agent("greeter", held, "You greet.")])) as opened:
        yield opened


async def test_a_session_is_forked_at_a_message_with_another_prompt_and_both_are_compared(
    shop: Open, opening: Opening
) -> None:
    session = await begun(shop, "support", "May I return order A-1001 after 21 days?")
    await until(shop, session, RunEnded)
    page = await opening(f"{shop.url}/sessions/{session}", **visiting("developer", name="dave"))
    await page.locator("tr[data-key]", has_text="carl").click()
    await page.get_by_role("button", name="Fork here with another message…").click()
    message = page.get_by_role("dialog").get_by_label("Message")
    await expect(message).to_have_value("May I return order A-1001 after 21 days?")
    await message.fill("May I return order A-1001? Note: 30 days are allowed since May.")
    await page.get_by_role("dialog").get_by_role("button", name="Fork").click()

    await page.wait_for_url("**/compare?a=*")
    fork = page.url.rpartition("b=")[2]
    both = page.locator("table.compare")
    await expect(both.locator("tr", has_text="output")).to_contain_text("14 days only")
    await expect(both.locator("tr", has_text="output")).to_contain_text("30 days are allowed, and 21 have passed")
    await expect(both.locator("tr", has_text="status")).to_have_text("statusdonedone")
    await expect(page.get_by_role("heading", name="They part at the first step.")).to_be_visible()
    (opened,) = await written(shop, fork, SessionOpened)
    assert opened.forked.startswith(f"{session}@")
    assert [one.by for one in await written(shop, fork, MessageReceived)] == ["dave"]
    # What it was forked from is as it was.
    assert [one.by for one in await written(shop, session, MessageReceived)] == ["carl"]

    # From a step one comes to its place in the trace.
    await page.locator("a.node", has_text="search_knowledge").last.click()
    await expect(page.get_by_role("region", name="The chosen step")).to_contain_text("returns-2024")


async def test_a_fork_in_the_middle_of_a_run_goes_on_and_makes_no_effect_of_the_past_again(
    shop: Open, opening: Opening
) -> None:
    session = await begun(shop, "support", "May I return order A-1001?")
    await until(shop, session, RunEnded)
    page = await opening(f"{shop.url}/sessions/{session}", **visiting("developer", name="dave"))
    await page.locator("tr[data-key]", has_text="look_up_order").last.click()
    await page.get_by_role("button", name="Fork from here…").click()
    await page.get_by_role("dialog").get_by_role("button", name="Fork").click()
    await page.wait_for_url("**/compare?a=*")
    fork = page.url.rpartition("b=")[2]
    await until(shop, fork, RunEnded)
    await expect(page.get_by_role("heading", name="They did the same.")).to_be_visible()
    (opened,) = await written(shop, fork, SessionOpened)
    taken = int(opened.forked.partition("@")[2])
    ours, theirs = await shop.home.store.read(fork), await shop.home.store.read(session)
    # The order was looked up in the past, and only the search was made again.
    assert [one.event for one in ours[1:taken]] == [one.event for one in theirs[1:taken]]
    assert sum(isinstance(one.event, EffectStarted) for one in ours[:taken]) == 1
    assert sum(isinstance(one.event, EffectStarted) for one in ours[taken:]) == 1


async def test_a_replay_says_that_the_strategy_does_the_same(shop: Open, opening: Opening) -> None:
    session = await begun(shop, "support", "May I return order A-1001?")
    await until(shop, session, RunEnded)
    page = await opening(f"{shop.url}/sessions/{session}", **visiting("developer", name="dave"))
    await page.get_by_role("button", name="Replay").click()
    dialog = page.get_by_role("dialog", name="The replay did the same")
    await expect(dialog.get_by_role("cell", name="none")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(page.get_by_role("button", name="Replay")).to_be_focused()


async def test_an_agent_is_tried_in_a_chat_that_shows_words_as_they_are_written(
    shop: Open, opening: Opening, held: HeldModel
) -> None:
    page = await opening(f"{shop.url}/agents", **visiting("developer", name="dave"))
    await page.get_by_role("link", name="greeter").click()
    field = page.get_by_role("textbox", name="Message to the agent")
    await field.fill("Hello, this is Dave")
    await field.press("Enter")
    talk = page.get_by_role("log", name="Conversation")
    await expect(talk).to_contain_text("Hello, this is Dave")
    await held.asked.wait()
    held.go.release()
    await expect(talk).to_contain_text("Good")
    await expect(talk).not_to_contain_text("morning")
    held.go.release()
    await expect(talk).to_contain_text("Good morning,")
    held.go.release()
    await expect(talk.locator('[data-who="model"]')).to_have_text("greeterGood morning, Dave.")
    await page.get_by_role("link", name="its trace").click()
    await expect(page.get_by_role("heading", level=1)).to_contain_text("Hello, this is Dave")
    (said,) = await written(shop, page.url.partition("#")[0].rpartition("/")[2], MessageReceived)
    assert said.by == "dave"


async def test_the_state_of_a_session_is_shown_as_it_was_at_any_step(shop: Open, opening: Opening) -> None:
    session = await begun(shop, "support", "May I return order A-1001?")
    await until(shop, session, RunEnded)
    page = await opening(f"{shop.url}/sessions/{session}", **visiting("developer", name="dave"))
    await page.locator("tr[data-key]", has_text="look_up_order").last.click()
    detail = page.get_by_role("region", name="The chosen step")
    await detail.get_by_role("button", name="State here").click()
    conversation = detail.locator(".part", has=page.get_by_role("heading", name="Conversation"))
    await expect(conversation).to_contain_text("espresso grinder")
    await expect(conversation).not_to_contain_text("14 days")
    await detail.get_by_role("button", name="Events").click()
    await expect(detail).to_contain_text("EffectStarted")
