"""The console measured: `python -m benchmarks.console` writes docs/benchmarks-of-the-console.md."""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.console.filling import LONG, fill
from benchmarks.console.living import Lived, first_read
from benchmarks.console.page import Measured, page
from benchmarks.console.running import chromium, server
from benchmarks.console.staying import CHANGES, idle, scrolled, weighed
from benchmarks.console.visits import LIST, TRACE, compared

PAGE = Path(__file__).parents[2] / "docs" / "benchmarks-of-the-console.md"


async def _measured(folder: Path, asked: argparse.Namespace) -> Measured:
    say("a store is filled")
    await fill(folder, asked.sessions, asked.events)
    loads = [os.getloadavg()[0]]
    with server(folder) as running:
        say("it is read for the first time")
        lived: Lived = await first_read(running.url, asked.sessions)
        async with chromium() as browser:
            # Code that runs for the first time, on both sides.
            await compared(browser, running.url, 1)
            say("pages are opened")
            visits = await compared(browser, running.url, asked.rounds)
            loads.append(os.getloadavg()[0])
            say("pages are scrolled")
            scrolls = {
                "list of sessions": await scrolled(browser, running.url, LIST, 36, 5000),
                "the long session": await scrolled(browser, running.url, TRACE, 30, asked.events),
            }
            say("pages are left open")
            idles = {
                (place.name, changes): await idle(browser, running, place, changes, asked.seconds)
                for place in (LIST, TRACE)
                for changes in (0, CHANGES)
            }
            say("many tabs are opened")
            tabs = await weighed(browser, running)
            loads.append(os.getloadavg()[0])
            return Measured(
                sessions=asked.sessions,
                events=asked.events,
                rounds=asked.rounds,
                lived=lived,
                visits=visits,
                scrolls=scrolls,
                idles=idles,
                tabs=tabs,
                loads=tuple(loads),
                browser=browser.version,
            )


def say(what: str) -> None:
    """Tell whoever waits."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {what}\n")


def main() -> None:
    """Measure, and write the page; anything but the whole plan is only shown."""
    reading = argparse.ArgumentParser(prog="python -m benchmarks.console", description=__doc__)
    reading.add_argument("--sessions", type=int, default=100_000)
    reading.add_argument("--events", type=int, default=5000, help=f"of the session {LONG!r}")
    reading.add_argument("--rounds", type=int, default=5, help="visits to every page with each cache")
    reading.add_argument("--seconds", type=float, default=8.0, help="that a page is left open")
    asked = reading.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        text = page(asyncio.run(_measured(Path(folder), asked)))
    if vars(asked) == vars(reading.parse_args([])):
        PAGE.write_text(text)
    sys.stdout.write(text)


if __name__ == "__main__":
    main()
