"""What agents, tools and customers write is text to a page, whatever it is."""

import itertools
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import pytest
from tests.server.console.browser.opening import Opening
from tests.server.console.browser.visitors import Visitors, begun, expect, until, visiting
from tests.server.console.shop import Open, Shop, open_shop

from remit.core.agent import Agent
from remit.core.events import RunEnded, RunSuspended
from remit.core.messages import ToolMessage
from remit.core.ports import Reply, Request
from remit.core.values import JsonValue
from remit.policy import AskBefore
from remit.testing import EffectCounter, ScriptedModel, calls, says, use
from remit.tools import tool

if TYPE_CHECKING:
    from playwright.async_api import Page

MARKUP = (
    '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script><!-- </script><b>bold</b> ${window.hacked=1}'
)
OVERRIDE = "\u202egpj.exe\u2066 \u200f\u0627"
NUL = "a\x00b\x1b[31m\x07"
SURROGATE = "\ud83d alone"
SEPARATORS = "one\u2028two\u2029three"
LONG = "x" * 1_000_000
DEEP = 90

HOSTILE = (MARKUP, OVERRIDE, NUL, SURROGATE, SEPARATORS, LONG, "]]>", "'\"`;--", "javascript:window.hacked=1")


def deep(depth: int) -> JsonValue:
    value: JsonValue = MARKUP
    for _ in range(depth):
        value = {MARKUP[:12]: [value]}
    return value


@tool(effect="read")
async def echo(value: JsonValue) -> JsonValue:
    """Give back <b>what it</b> was given."""
    return value


def _turn(request: Request) -> Reply:
    outputs = [one for one in request.messages if isinstance(one, ToolMessage)]
    if len(outputs) < len(HOSTILE):
        return says(HOSTILE[len(outputs)], use("echo", value=HOSTILE[len(outputs)]))
    if len(outputs) == len(HOSTILE):
        return says(MARKUP, use("echo", value=deep(DEEP)))
    return says(MARKUP * 2)


def _asks(request: Request) -> Reply:
    outputs = [one for one in request.messages if isinstance(one, ToolMessage)]
    return says(MARKUP) if outputs else calls(use("effect", markup=MARKUP, override=OVERRIDE, nul=NUL, long=LONG))


@pytest.fixture
async def shop() -> AsyncIterator[Open]:
    agents = [
        Agent("hostile", ScriptedModel(itertools.repeat(_turn), name=MARKUP), MARKUP, tools=[echo]),
        Agent("asks", ScriptedModel(itertools.repeat(_asks)), tools=[EffectCounter()], guards=[AskBefore("effect")]),
    ]
    async with open_shop(Visitors(), shop=Shop(more=agents)) as opened:
        yield opened


WATCH = "document.addEventListener('securitypolicyviolation', (event) => (window.violated = event.violatedDirective))"


async def unharmed(page: "Page") -> None:
    """Nothing ran, nothing was refused, nothing became markup."""
    assert await page.evaluate("window.hacked") is None, page.url
    assert await page.evaluate("window.violated") is None, page.url
    assert await page.locator("main img, main script").count() == 0
    assert not await page.evaluate("[...document.querySelectorAll('b')].some((one) => one.textContent === 'bold')")
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url


async def test_no_page_takes_what_was_written_for_anything_but_text(shop: Open, opening: Opening) -> None:
    sessions = [await begun(shop, "hostile", text) for text in HOSTILE]
    waiting = await begun(shop, "asks", MARKUP)
    for session in sessions:
        assert (await until(shop, session, RunEnded)).status == "done"
    await until(shop, waiting, RunSuspended)
    page = await opening(shop.url, **visiting())
    await page.context.add_init_script(WATCH)
    for path in ("/", "/sessions", "/flags", "/tools", "/limits", "/settings", "/agents", "/agents/hostile",
                 "/approvals", f"/sessions/{waiting}", f"/compare?a={sessions[0]}&b={sessions[1]}",
                 *(f"/sessions/{session}" for session in sessions)):  # fmt: skip
        await page.goto(shop.url + path)
        await expect(page.get_by_role("heading", level=1)).to_be_visible()
        await expect(page.locator("#live")).to_have_attribute("data-state", "live")
        await unharmed(page)


async def test_every_step_of_a_hostile_session_is_shown_as_it_was_written(shop: Open, opening: Opening) -> None:
    session = await begun(shop, "hostile", MARKUP)
    await until(shop, session, RunEnded)
    page = await opening(f"{shop.url}/sessions/{session}", **visiting())
    await page.evaluate(WATCH)
    detail = page.get_by_role("region", name="The chosen step")
    # What is chosen at first is there before something else is chosen.
    await expect(detail.locator("pre").first).to_be_visible()
    await page.get_by_role("region", name="What the session did").press("Home")
    await expect(detail.locator("pre")).to_have_text(MARKUP)
    for key in await page.evaluate("[...document.querySelectorAll('tr[data-key]')].map((one) => one.dataset.key)"):
        await page.goto(f"{shop.url}/sessions/{session}#{key}")
        await expect(page.locator(f'tr[data-key="{key}"][aria-selected="true"]')).to_be_visible()
        for button in ("Events", "State here"):
            await detail.get_by_role("button", name=button).click()
            await expect(detail.locator("pre").first).to_be_visible()
        await unharmed(page)
    await page.get_by_role("button", name="Conversation").click()
    await expect(page.locator(".talk pre").first).to_have_text(MARKUP)
    await unharmed(page)


async def test_hostile_arguments_are_shown_and_approved_as_they_are(shop: Open, opening: Opening) -> None:
    session = await begun(shop, "asks", MARKUP)
    await until(shop, session, RunSuspended)
    page = await opening(f"{shop.url}/approvals", **visiting())
    await page.evaluate(WATCH)
    shown = page.locator(f'article[data-session="{session}"]')
    await expect(shown.locator("pre")).to_contain_text("<img src=x")
    # An override would show something else than what is approved.
    text: Any = await shown.locator("pre").text_content()
    assert "\u202e" not in text
    assert "\\u202e" in text
    await shown.get_by_role("button", name="show all").click()
    await shown.get_by_role("button", name="Deny").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Reason").fill(MARKUP)
    await dialog.get_by_role("button", name="Deny").click()
    await expect(page.get_by_text("Nothing waits for you.")).to_be_visible()
    assert (await until(shop, session, RunEnded)).output == MARKUP
    await page.goto(f"{shop.url}/sessions/{session}")
    await expect(page.get_by_role("heading", level=1)).to_contain_text("<img src=x")
    await unharmed(page)
