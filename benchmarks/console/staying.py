"""Staying: pages that are scrolled, left open, and open many times."""

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx2

from benchmarks.console.running import Running
from benchmarks.console.server import CHANGING
from benchmarks.console.visits import LIST, SIZE, Place, opened

if TYPE_CHECKING:
    from playwright.async_api import Browser

TABS = 20
CHANGES = 20
"""Sessions that change a second."""
_A_FRAME = 600
_SLOW = 50.0


@dataclass(frozen=True, slots=True)
class Scrolled:
    """A page that was scrolled from its beginning; times in milliseconds."""

    rows: int
    """It came so far."""
    frames: int
    slow: int
    """Frames that took more than 50."""
    worst: float
    drawn: int
    """Rows that were in the page at the end."""


async def scrolled(browser: "Browser", url: str, place: Place, height: int, most: int) -> Scrolled:
    """Scroll down as fast as nobody could, a screen or so in every frame."""
    context = await browser.new_context(viewport=SIZE)
    try:
        page = await opened(context, url, place)
        found = await page.evaluate(f"watched.scroll('.scroll', {_A_FRAME}, {most * height})")
    finally:
        await context.close()
    frames: list[float] = found["frames"]
    slow = sum(took > _SLOW for took in frames)
    rows = round((found["top"] + SIZE["height"] - 190) / height)
    return Scrolled(rows, len(frames), slow, max(frames), found["shown"])


@dataclass(frozen=True, slots=True)
class Idle:
    """What an open page takes of a core, in percent, and the server with it."""

    tab: float
    server: float


async def idle(browser: "Browser", running: Running, place: Place, changes: int, seconds: float) -> Idle:
    """Leave a page open while so many sessions a second change."""
    context = await browser.new_context(viewport=SIZE)
    try:
        page = await opened(context, running.url, place)
        protocol = await context.new_cdp_session(page)
        await protocol.send("Performance.enable")
        async with changing(running.url, changes):
            await asyncio.sleep(3)

            async def busy() -> float:
                metrics = (await protocol.send("Performance.getMetrics"))["metrics"]
                return next(one["value"] for one in metrics if one["name"] == "TaskDuration")

            began, tab, server = time.perf_counter(), await busy(), running.cpu()
            await asyncio.sleep(seconds)
            tab, server = await busy() - tab, running.cpu() - server
            took = time.perf_counter() - began
    finally:
        await context.close()
    return Idle(100 * tab / took, 100 * server / took)


@contextlib.asynccontextmanager
async def changing(url: str, number: int) -> AsyncGenerator[None]:
    """Have so many sessions change a second."""
    async with httpx2.AsyncClient(base_url=url) as client:
        await client.post(f"{CHANGING}/{number}")
        try:
            yield
        finally:
            await client.post(f"{CHANGING}/0")


async def weighed(browser: "Browser", running: Running) -> tuple[float, float]:
    """Say how many KB of the server a tab takes: tabs of one person, and of as many people."""
    await _open(browser, running, people=TABS)
    one = await _open(browser, running, people=1)
    return one, await _open(browser, running, people=TABS)


async def _open(browser: "Browser", running: Running, *, people: int) -> float:
    contexts = [await browser.new_context(viewport=SIZE) for _ in range(people)]
    before = running.memory()
    try:
        for number in range(TABS):
            await opened(contexts[number % people], running.url, LIST)
        await asyncio.sleep(2)
        return (running.memory() - before) / TABS
    finally:
        for context in contexts:
            await context.close()
        await asyncio.sleep(2)
