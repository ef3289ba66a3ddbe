"""Chromium for the tests of pages: one process for all of them, a profile of its own for every test."""

import contextlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.server.console.browser.opening import Opening

if TYPE_CHECKING:
    from playwright.async_api import Browser, ConsoleMessage, Page, Response

_ARGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
)
_PATIENCE = 60.0


@pytest.fixture(scope="session")
def chromium() -> Iterator[str]:
    """Run Debian's browser meanwhile, and give where it is spoken to; each test connects from its own event loop."""
    pytest.importorskip("playwright.async_api", reason="pages are looked at with playwright, which is not installed")
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("pages are looked at with Chromium, which is not installed: apt-get install chromium")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [program, *_ARGS, f"--user-data-dir={profile}", "about:blank"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                yield _address(process, Path(profile, "DevToolsActivePort"))
            finally:
                process.terminate()


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator["Browser"]:
    """Give the browser to one test."""
    playwright: Any = pytest.importorskip("playwright.async_api")
    async with playwright.async_playwright() as driver:
        yield await driver.chromium.connect_over_cdp(chromium)


@pytest.fixture
async def opening(browser: "Browser") -> AsyncIterator[Opening]:
    """Give a function that opens pages, each for somebody new; afterwards fail if a script of one of them broke."""
    broken: list[str] = []
    async with contextlib.AsyncExitStack() as closing:

        async def opened(
            url: str, *, dark: bool = False, narrow: bool = False, strict: bool = True, **options: Any
        ) -> "Page":
            page = await closing.enter_async_context(_page(browser, dark=dark, narrow=narrow, **options))
            if strict:
                page.on("pageerror", lambda error: broken.append(f"{page.url}: {error}"))
                page.on("console", lambda said: broken.append(_complaint(page, said)))
            answer: Response | None = await page.goto(url)
            assert answer is not None
            return page

        yield opened
    assert not list(filter(None, broken))


@contextlib.asynccontextmanager
async def _page(browser: "Browser", *, dark: bool, narrow: bool, **options: Any) -> AsyncGenerator["Page"]:
    size = {"width": 390, "height": 844} if narrow else {"width": 1440, "height": 900}
    wanted: dict[str, Any] = {"viewport": size, "color_scheme": "dark" if dark else "light", **options}
    context = await browser.new_context(**wanted)
    context.set_default_timeout(_PATIENCE * 1000 / 3)
    try:
        yield await context.new_page()
    finally:
        await context.close()


def _complaint(page: "Page", said: "ConsoleMessage") -> str:
    """Give what a script or the policy of the page complains of; a refused request is no such thing."""
    if said.type != "error" or said.text.startswith("Failed to load resource"):
        return ""
    return f"{page.url}: {said.text}"


def _address(process: "subprocess.Popen[bytes]", file: Path) -> str:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and process.poll() is None:
        # It is written in one go, with the port in its first line.
        with contextlib.suppress(FileNotFoundError):
            lines = file.read_text().splitlines()
            if len(lines) > 1:
                return f"http://127.0.0.1:{lines[0]}"
        time.sleep(0.05)
    pytest.skip("Chromium is installed and does not start here")
