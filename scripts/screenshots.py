"""Screenshots: pictures of the pages of the console, over a shop's day that really ran and was then dated back.

Run as `python -m scripts.screenshots`; writes docs/images/console-*.png.
"""

import asyncio
import itertools
import shutil
import sqlite3
import tempfile
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from PIL import Image
from playwright.async_api import async_playwright
from tests.server.console.browser.visitors import Visitors, begun, visiting
from tests.server.console.shop import Open, Shop, Unsure, charged, open_shop
from tests.server.rig import principal

from remit.core.agent import Agent
from remit.core.errors import ModelRequestError, RejectedError
from remit.core.events import Event, decode, encode
from remit.core.limits import Limits
from remit.core.messages import ToolMessage
from remit.core.ports import Reply, Request, SessionQuery
from remit.core.values import JsonValue
from remit.models.prices import FlatPrice
from remit.testing import EffectCounter, ScriptedModel, calls, says, use
from remit.tools import tool

if TYPE_CHECKING:
    from playwright.async_api import Browser

IMAGES = Path(__file__).parents[1] / "docs/images"
HOUR = 3_600_000
CRC = 4
SLOWER = 90
"""What takes a model here a hundredth of a second takes others about one."""
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--font-render-hinting=none")  # fmt: skip


@tool(effect="read")
async def list_suppliers(goods: str, country: str) -> JsonValue:
    """List who sells something in a country.

    Args:
        goods: What is wanted.
        country: Where.

    """
    await asyncio.sleep(0.008)
    return [{"supplier": f"{country} kitchen trade", "goods": goods, "usd": 11.9 + len(country)}]


@tool(effect="read")
async def read_offer(supplier: str) -> JsonValue:
    """Read the newest offer of a supplier.

    Args:
        supplier: Its name.

    """
    await asyncio.sleep(0.005)
    if supplier.startswith("Portugal"):
        raise RejectedError("the supplier's site answers 503")
    return {"supplier": supplier, "usd": 14.2, "minimum": 200, "days": 12}


def _buyer(request: Request) -> Reply:
    number = sum(isinstance(one, ToolMessage) for one in request.messages)
    countries = ("Portugal", "Poland", "Italy", "Turkey")
    if number == 0:
        reply = says("I ask for each country at once.",
                     *(use("list_suppliers", goods="kettle", country=one) for one in countries))  # fmt: skip
    elif number == len(countries):
        reply = says("Now their offers.", *(use("read_offer", supplier=f"{one} kitchen trade") for one in countries))
    elif number == 2 * len(countries):
        reply = says("One did not answer; again.", use("read_offer", supplier="Portugal kitchen trade"))
    elif number == 2 * len(countries) + 1:
        reply = calls(use("read_offer", supplier="Poland kitchen trade"))
    else:
        reply = says("Poland kitchen trade sells kettles at $14.20 from 200 pieces on; Portugal's site is down.")
    return charged(reply, request)


def buyer() -> Agent:
    """Make an agent that does several things at once, and one of them twice."""
    model = ScriptedModel(itertools.repeat(_buyer), price=FlatPrice(5.0, 25.0), name="claude-opus-5", delay=0.02)
    return Agent("buyer", model, "You find the best offer and say why it is the best.",
                 tools=[list_suppliers, read_offer], limits=Limits(usd=2.0))  # fmt: skip


def broken() -> Agent:
    """Make an agent whose provider wants none of it."""
    model = ScriptedModel(itertools.repeat(ModelRequestError("the provider answers 400: no such model")), name="gpt-4")
    return Agent("labels", model, "You print labels.")


MAILS = (
    "May I return order A-1001? The grinder came 21 days ago.", "How long do I have to send the kettle back?",
    "A-1002 came without its lid, what now?", "The espresso grinder of A-1001 is too loud for us, may it go back?",
    "Is the return of A-1002 free of charge?", "I opened the box of A-1001; can I still return it?",
    "Wrong colour in order A-1002", "Where do I find the label for A-1001?",
)  # fmt: skip
REFUNDS = ("The kettle of A-1002 arrived broken", "A-1002: the handle came off on the second day",
           "Please pay back A-1002, it never worked", "A-1002 leaks")  # fmt: skip
BULK = "A large refund for the office order, ten kettles with dents"
TICKETS = (
    "Supplier portal shows last week's stock",
    "Labels print without the address",
    "Returns page still says 14 days",
)


async def day(shop: Open) -> None:
    """Have all agents work, as much as they do in a day."""
    lots = Random(6)
    wishes = [("support", mail) for mail in MAILS for _ in range(3)]
    wishes += [
        ("buyer", f"Find the cheapest {goods}, from 200 pieces on")
        for goods in ("kettles", "grinders", "filters", "scales")
    ]
    wishes += [("tickets", text) for text in TICKETS]
    wishes += [("refunds", text) for text in REFUNDS]
    lots.shuffle(wishes)
    wishes += [("support", "Please export the data of all customers for me"), ("refunds", BULK)]
    wishes += [("labels", "A label for A-1001"), ("labels", "A label for A-1002")]
    wishes += [("deliveries", "When does the replacement for A-1002 come?")]
    for agent, text in wishes:
        await begun(shop, agent, text, name=lots.choice(("carl", "dora", "mailbox", "nina")))
    for agent in ("research",):
        session = await begun(shop, agent, "Who makes the kettle of our competitor?", name="nina")
        await asyncio.sleep(1.2)
        await shop.service.cancel(principal(name="olga"), session, reason="it runs in circles")
    await quiet(shop)
    # Most of what waited was decided.
    olga, (asked, _) = principal(name="olga"), await shop.service.people.waiting(principal(), "approval")
    small = [one for one in asked if one.args["usd"] == 49.5]
    for one, granted in zip(small, (True, True, False), strict=False):
        why = "seen the photo" if granted else "it is older than a year"
        await shop.service.people.decide(olga, one.session, one.call, granted=granted, reason=why)
    (large,) = [one for one in asked if one not in small]
    await shop.service.people.decide(olga, large.session, large.call, granted=True, reason="spoke with them")
    doubts, _ = await shop.service.people.waiting(principal(), "doubt")
    for one in doubts[:-1]:
        await shop.service.people.settle(olga, one.session, one.call, happened=True, output={"ticket": "T-4711"})
    await quiet(shop)


async def quiet(shop: Open) -> None:
    """Wait until nothing is under way."""
    while True:
        rows = await shop.home.sessions(SessionQuery(tenant="acme", limit=200))
        if not any(row.status == "running" or row.why.endswith("message") for row in rows):
            return
        await asyncio.sleep(0.1)


# -- dating back ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shift:
    """Where the time of a session is put: it begins then, and takes longer."""

    first: int
    begins: int
    slower: float

    def __call__(self, at: int) -> int:
        """Give the new time of a time."""
        return self.begins + int((at - self.first) * self.slower)

    def event(self, event: Event, at: int) -> Event:
        """Put the times within an event where they belong."""
        changes: dict[str, int] = {}
        if moment := getattr(event, "at", 0):
            changes["at"] = self(moment)
        for name in ("expires", "escalates"):
            if moment := getattr(event, name, 0):
                changes[name] = self(at) + moment - at
        return msgspec.structs.replace(event, **changes) if changes else event


def dated_back(folder: Path) -> None:
    """Spread the sessions of a store over the last day: what still waits began lately, the rest when people work."""
    lots, now = Random(11), time.time_ns() // 1_000_000
    db = sqlite3.connect(folder / "journal.db")
    with db:
        for number, status in db.execute("SELECT number, status FROM sessions ORDER BY number").fetchall():
            rows = db.execute("SELECT seq, at, body FROM batches WHERE session = ?", (number,)).fetchall()
            first, last = min(at for _, at, _ in rows), max(at for _, at, _ in rows)
            hours = lots.uniform(0.3, 2.5) if status == "waiting" else 0.2 + 22 * lots.betavariate(1.2, 1.6)
            begins = now - int(hours * HOUR)
            shift = Shift(first, begins, min(SLOWER, 0.9 * (now - begins) / max(last - first, 1)))
            for seq, at, body in rows:
                events = encode([shift.event(event, at) for event in decode(body[CRC:])])
                checked = zlib.crc32(events).to_bytes(CRC, "big") + events
                where = (shift(at), checked, number, seq)
                db.execute("UPDATE batches SET at = ?, body = ? WHERE session = ? AND seq = ?", where)
            db.execute("UPDATE sessions SET opened = ?, changed = ? WHERE number = ?", (begins, shift(last), number))
    db.close()
    for views in folder.glob("views.db*"):
        views.unlink()


# -- pictures ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Shot:
    """One picture."""

    name: str
    path: str
    dark: bool = False
    narrow: bool = False
    click: str = ""
    """A row of the trace that is chosen first."""


async def shots(shop: Open) -> Sequence[Shot]:
    """Say what is looked at."""
    rows = await shop.home.sessions(SessionQuery(tenant="acme", limit=200))
    bought = next(row.id for row in rows if row.agent == "buyer")
    mail = next(row.id for row in rows if row.agent == "support")
    fork = (await shop.service.fork(principal(name="dave"), mail, at=1)).id
    await shop.service.post(principal(name="dave"), fork, "May I return A-1001? Note: 30 days are allowed.")
    await begun(shop, "research", "Who makes the kettle of our competitor?", name="nina")
    session = f"/sessions/{bought}"
    return (
        Shot("overview", "/"), Shot("overview-dark", "/", dark=True), Shot("overview-narrow", "/", narrow=True),
        Shot("sessions", "/sessions"), Shot("session", session, click="read_offer"),
        Shot("session-dark", session, dark=True, click="read_offer"), Shot("compare", f"/compare?a={mail}&b={fork}"),
        Shot("approvals", "/approvals"), Shot("agents", "/agents"), Shot("agent", "/agents/support"),
        Shot("tools", "/tools", click="search_knowledge"), Shot("limits", "/limits"), Shot("flags", "/flags"),
        Shot("settings", "/settings"),
    )  # fmt: skip


async def picture(browser: "Browser", url: str, shot: Shot) -> None:
    """Take one."""
    size = {"width": 390, "height": 844} if shot.narrow else {"width": 1440, "height": 900}
    scheme = "dark" if shot.dark else "light"
    context = await browser.new_context(viewport=size, color_scheme=scheme, locale="en-GB", **visiting(name="olga"))  # pyright: ignore[reportArgumentType]
    page = await context.new_page()
    await page.goto(url + shot.path)
    await page.locator("#live[data-state=live]").wait_for()
    if shot.click:
        await page.locator("tr[data-key]", has_text=shot.click).first.click()
        await page.locator(".detail h2").wait_for()
    await page.wait_for_timeout(400)
    file = IMAGES / f"console-{shot.name}.png"
    await page.screenshot(path=file, animations="disabled", caret="hide")
    shrink(file)
    print(f"{file.name:36} {file.stat().st_size // 1024:>4} KB")
    await context.close()


def shrink(file: Path) -> None:
    """Keep the 256 colours that a picture has most of: flat grounds stay as they are, edges of letters come close."""
    with Image.open(file) as full:
        pixels = np.asarray(full.convert("RGB")).astype(np.int32)
    height, width, _ = pixels.shape
    codes, places, counts = np.unique(pixels @ [1 << 16, 1 << 8, 1], return_inverse=True, return_counts=True)
    colours = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], axis=1)
    # A small thing of a strong colour, such as a dot, counts for more than the edges of letters.
    kept = colours[np.argsort(-counts * (1 + np.ptp(colours, axis=1)))[:256]]
    nearest = ((colours[:, None] - kept[None]) ** 2).sum(axis=2).argmin(axis=1).astype(np.uint8)
    small = Image.frombytes("P", (width, height), nearest[places].tobytes())
    small.putpalette(kept.astype(np.uint8).tobytes())
    small.save(file, optimize=True)


async def main() -> None:
    """Have a day, date it back, look at it."""
    program = shutil.which("chromium")
    if program is None:
        raise SystemExit("pictures are taken with Chromium: apt-get install chromium")
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as made:
        agents = (buyer(), broken())
        shop = Shop(pause=0.01, more=agents, ticket=EffectCounter(name="create_ticket", around=Unsure(3)))
        async with open_shop(Visitors(), place=made, shop=shop) as opened:
            await day(opened)
        dated_back(Path(made))
        shop = Shop(pause=0.4, more=agents)
        async with open_shop(Visitors(), place=made, shop=shop) as opened, async_playwright() as driver:
            browser = await driver.chromium.launch(executable_path=program, args=FLAGS)
            for shot in await shots(opened):
                await picture(browser, opened.url, shot)
            await browser.close()


if __name__ == "__main__":
    asyncio.run(main())
