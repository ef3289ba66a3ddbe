"""Running: a server and a browser for the measurements."""

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from playwright.async_api import async_playwright

from benchmarks.console.visits import ARGS
from benchmarks.serving.process import PAGE, TICK, tree

if TYPE_CHECKING:
    from playwright.async_api import Browser


@dataclass(frozen=True, slots=True)
class Running:
    """A server under measurement."""

    url: str
    pid: int

    def memory(self) -> float:
        """Return its resident memory in KB."""
        return sum(int(stat[21]) for stat in tree(self.pid).values()) * PAGE / 1024

    def cpu(self) -> float:
        """Return the seconds of CPU it has taken."""
        return sum(sum(map(int, stat[11:15])) for stat in tree(self.pid).values()) / TICK


@contextlib.contextmanager
def server(folder: Path) -> Generator[Running]:
    """Run a server over a folder meanwhile."""
    command = [sys.executable, "-m", "benchmarks.console.server", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().strip()
            if not url:
                raise SystemExit("the server did not start")
            yield Running(url, process.pid)
        finally:
            process.terminate()


@contextlib.asynccontextmanager
async def chromium() -> AsyncGenerator["Browser"]:
    """Run a browser meanwhile."""
    program = shutil.which("chromium")
    if program is None:
        raise SystemExit("this needs Chromium: apt-get install chromium")
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=program, args=list(ARGS))
        try:
            yield browser
        finally:
            await browser.close()
