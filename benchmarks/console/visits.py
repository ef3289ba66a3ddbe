"""Visits: pages opened in Chromium with an empty cache and a warm one, and what each of them took."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.console.filling import LONG
from benchmarks.console.server import EMPTY

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, Page

WATCH = Path(__file__).with_name("watch.js").read_text()
"""Runs in every page before anything of it does."""

ARGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
SIZE: Any = {"width": 1440, "height": 900}
_PATIENCE = 30_000


@dataclass(frozen=True, slots=True)
class Place:
    """A page, what must be there before it is of use, and what is clicked on then."""

    name: str
    path: str
    there: str
    click: str


PLACES = (
    Place("the floor: an empty page", EMPTY, "#floor", "#floor"),
    Place("overview", "/", "main .tile", "#theme"),
    Place("list of sessions", "/sessions", "tbody tr[data-key]", "th button"),
    Place("the long session", f"/sessions/{LONG}", "tbody tr[data-key]", "tbody tr[data-key]:nth-child(9)"),
)
LIST, TRACE = PLACES[2], PLACES[3]


@dataclass(slots=True)
class Taken:
    """What visits to one page took: times in milliseconds since the navigation began, bytes on the wire."""

    bytes: list[float] = field(default_factory=list[float])
    server: list[float] = field(default_factory=list[float])
    """Until the first byte of the page."""
    painted: list[float] = field(default_factory=list[float])
    """First contentful paint."""
    there: list[float] = field(default_factory=list[float])
    """What one came for is in the page."""
    ready: list[float] = field(default_factory=list[float])
    """It was drawn, and no long task was under way any more."""
    longest: list[float] = field(default_factory=list[float])
    """The longest task, 0 when none took 50 ms."""
    click: list[float] = field(default_factory=list[float])
    """From a click to the frame that answers it, 0 when that took less than 16."""

    def median(self, name: str) -> float:
        """Give the middle of one of these."""
        return statistics.median(getattr(self, name))

    def most(self, name: str) -> float:
        """Give the worst of one of these."""
        return max(getattr(self, name))


async def compared(browser: "Browser", url: str, rounds: int) -> dict[tuple[str, str], Taken]:
    """Open all pages in turn, so that what the machine does meanwhile hits all alike."""
    taken = {(place.name, cache): Taken() for place in PLACES for cache in ("empty", "warm")}
    for _ in range(rounds):
        for place in PLACES:
            context = await browser.new_context(viewport=SIZE)
            try:
                for cache in ("empty", "warm"):
                    await _visited(context, url, place, taken[place.name, cache])
            finally:
                await context.close()
    return taken


async def opened(context: "BrowserContext", url: str, place: Place) -> "Page":
    """Open a page and wait until it is of use."""
    page = await context.new_page()
    page.set_default_timeout(_PATIENCE)
    await page.add_init_script(f"({WATCH})({place.there!r})")
    await page.goto(url + place.path)
    await page.wait_for_function("watched.ready > 0")
    return page


async def _visited(context: "BrowserContext", url: str, place: Place, taken: Taken) -> None:
    page = await context.new_page()
    page.set_default_timeout(_PATIENCE)
    protocol = await context.new_cdp_session(page)
    await protocol.send("Network.enable")
    sizes = list[float]()
    protocol.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    await page.add_init_script(f"({WATCH})({place.there!r})")
    await page.goto(url + place.path)
    await page.wait_for_function("watched.ready > 0")
    # What it asks for by itself once it is there is counted too.
    await page.wait_for_timeout(700)
    taken.bytes.append(sum(sizes))
    found: dict[str, float] = await page.evaluate("watched.found()")
    for name in ("server", "painted", "there", "ready", "longest"):
        getattr(taken, name).append(found[name])
    await page.locator(place.click).first.click()
    await page.wait_for_timeout(300)
    taken.click.append(await page.evaluate("watched.click"))
    await page.close()


def joined(all_taken: Sequence[Taken]) -> Taken:
    """Put several together."""
    whole = Taken()
    for one in all_taken:
        for name in Taken.__dataclass_fields__:
            getattr(whole, name).extend(getattr(one, name))
    return whole
