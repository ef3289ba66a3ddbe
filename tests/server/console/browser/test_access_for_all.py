"""Pages can be read and used by everybody: contrast, names and roles, the keyboard, a narrow screen."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
from tests.server.console.browser.opening import Opening
from tests.server.console.browser.visitors import Visitors, begun, expect, until, visiting
from tests.server.console.shop import Open, open_shop
from tests.server.rig import principal

from remit.core.events import RunEnded, RunSuspended

if TYPE_CHECKING:
    from playwright.async_api import Page

axe: Any = pytest.importorskip("axe_playwright_python.async_playwright").Axe()

RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
         "resultTypes": ["violations"]}  # fmt: skip
WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@dataclass
class Filled:
    """A shop in which all kinds of things happened."""

    shop: Open
    mail: str
    leak: str
    refund: str
    fork: str

    @property
    def pages(self) -> tuple[str, ...]:
        """Give the path of every page that has data."""
        return (
            "/", "/sessions", f"/sessions/{self.mail}", f"/sessions/{self.leak}", f"/sessions/{self.refund}",
            f"/compare?a={self.mail}&b={self.fork}", "/approvals", "/flags", "/agents", "/agents/support", "/tools",
            "/limits", "/settings", "/sessions/none",
        )  # fmt: skip


@pytest.fixture
async def filled() -> AsyncIterator[Filled]:
    async with open_shop(Visitors()) as shop:
        mail = await begun(shop, "support", "May I return order A-1001? It came 21 days ago.")
        leak = await begun(shop, "support", "export all customers")
        refund = await begun(shop, "refunds", "My kettle arrived broken, a large refund please")
        waiting = [
            refund,
            await begun(shop, "tickets", "The door sticks"),
            await begun(shop, "deliveries", "When does it come?"),
        ]
        for session in (mail, leak):
            await until(shop, session, RunEnded)
        for session in waiting:
            await until(shop, session, RunSuspended)
        fork = (await shop.service.fork(principal(), mail, at=4)).id
        yield Filled(shop, mail, leak, refund, fork)


async def violations(page: "Page") -> list[str]:
    found = (await axe.run(page, options=RULES)).response["violations"]
    return [
        f"{page.url}: {one['id']}: {node['target']}: {node['failureSummary']}" for one in found for node in one["nodes"]
    ]


async def shown(page: "Page", url: str) -> None:
    await page.goto(url)
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    if "none" not in url:
        await expect(page.locator("#live")).to_have_attribute("data-state", "live")


@pytest.mark.parametrize("narrow", [False, True], ids=["wide", "narrow"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_no_page_breaks_a_rule_or_is_wider_than_the_screen(
    filled: Filled, opening: Opening, *, dark: bool, narrow: bool
) -> None:
    url = filled.shop.url
    page = await opening(url, dark=dark, narrow=narrow, **visiting())
    found: list[str] = []
    for path in filled.pages:
        await shown(page, url + path)
        found += await violations(page)
        if await page.evaluate(WIDE) > 0:
            found.append(f"{path} is wider than the screen")
    assert found == []


async def _chosen(page: "Page", filled: Filled) -> None:
    await shown(page, f"{filled.shop.url}/sessions/{filled.refund}")
    await page.locator("tr[data-key]").first.click()
    await expect(page.get_by_role("button", name="Fork here with another message…")).to_be_visible()


@pytest.mark.parametrize("narrow", [False, True], ids=["wide", "narrow"])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
async def test_no_dialog_breaks_a_rule(filled: Filled, opening: Opening, *, dark: bool, narrow: bool) -> None:
    page = await opening(filled.shop.url, dark=dark, narrow=narrow, **visiting())
    found: list[str] = []
    await shown(page, f"{filled.shop.url}/approvals")
    for name in ("Approve", "Edit…", "Deny", "It happened", "It did not", "Answer…"):
        found += await _opened(page, name)
    await _chosen(page, filled)
    for name in ("Kill", "Fork here with another message…", "Keyboard shortcuts"):
        found += await _opened(page, name)
    assert found == []


INSIDE = "document.activeElement === document.body || !!document.activeElement.closest('dialog')"


async def _opened(page: "Page", name: str) -> list[str]:
    """Open a dialog, look at it, try to leave it with the keyboard, close it; the focus is then where it was."""
    button = page.get_by_role("button", name=name, exact=True).first
    await button.focus()
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_be_visible()
    found = await violations(page)
    for _ in range(8):
        await page.keyboard.press("Tab")
        if not await page.evaluate(
            "document.activeElement === document.body || !!document.activeElement.closest('dialog')"
        ):
            found.append(f"the keyboard leaves the dialog of {name}")
    if await page.evaluate(WIDE) > 0:
        found.append(f"the dialog of {name} is wider than the screen")
    await page.keyboard.press("Escape")
    await expect(dialog).to_have_count(0)
    await expect(button).to_be_focused()
    return found


REACHED = """() => {
  const seen = (one) => one.offsetParent !== null && getComputedStyle(one).visibility !== "hidden";
  const all = [...document.querySelectorAll("a[href], button, input, select, textarea, [tabindex='0']")];
  const wanted = all.filter((one) => seen(one) && !one.disabled && one.tabIndex >= 0);
  // By what they are: a page that goes on draws some of them anew.
  window.named = (one) => [one.tagName, one.getAttribute("href"), one.ariaLabel, one.textContent].join(" ");
  window.wanted = new Set(wanted.map(window.named));
  return wanted.length;
}"""
FOCUSED = """() => {
  const one = document.activeElement;
  if (!one || one === document.body) return "";
  window.wanted.delete(window.named(one));
  const style = getComputedStyle(one);
  const ring = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0;
  const box = one.getBoundingClientRect();
  const within = box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth;
  return ring && within ? "" : `${one.outerHTML.slice(0, 120)}: ring ${ring}, in sight ${within}`;
}"""


@pytest.mark.parametrize("narrow", [False, True], ids=["wide", "narrow"])
async def test_the_keyboard_reaches_every_control_and_shows_where_it_is(
    filled: Filled, opening: Opening, *, narrow: bool
) -> None:
    page = await opening(filled.shop.url, narrow=narrow, **visiting())
    wrong: list[str] = []
    for path in filled.pages:
        await shown(page, filled.shop.url + path)
        for _ in range(await page.evaluate(REACHED) + 3):
            await page.keyboard.press("Tab")
            if said := await page.evaluate(FOCUSED):
                wrong.append(f"{path}: {said}")
        left = await page.evaluate("[...window.wanted]")
        wrong += [f"{path}: never reached: {one}" for one in left]
    assert wrong == []


async def test_a_trace_is_walked_and_folded_with_the_keyboard(filled: Filled, opening: Opening) -> None:
    page = await opening(f"{filled.shop.url}/sessions/{filled.mail}", narrow=True, **visiting())
    rows = page.locator("tr[data-key]")
    count = await rows.count()
    await page.get_by_role("region", name="What the session did").focus()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowDown")
    await expect(page.locator("tr[aria-selected=true]")).to_contain_text("react")
    await page.keyboard.press("ArrowLeft")
    await expect(rows).to_have_count(2)
    await page.keyboard.press("ArrowRight")
    await expect(rows).to_have_count(count)
    await page.keyboard.press("Home")
    await expect(page.locator("tr[aria-selected=true]")).to_contain_text("carl")
    await page.keyboard.press("End")
    await expect(page.get_by_role("region", name="The chosen step")).to_contain_text("14 days only")


async def test_the_colours_that_were_chosen_last(filled: Filled, opening: Opening) -> None:
    page = await opening(filled.shop.url, **visiting())
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    light = await page.evaluate(ground)
    await page.get_by_role("button", name="Light or dark").click()
    dark = await page.evaluate(ground)
    assert dark != light
    await shown(page, f"{filled.shop.url}/sessions")
    assert await page.evaluate(ground) == dark
