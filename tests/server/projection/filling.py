"""Filling: views of very many sessions, quickly; run as a script it says how long pages and searches take.

python -m tests.server.projection.filling 100000
"""

import asyncio
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from remit.core import events as ev
from remit.core.limits import Limits
from remit.core.messages import Call, Outcome, Usage
from remit.server.projection import asking
from remit.server.projection.files import ViewsFile
from remit.server.projection.listing import page
from remit.server.projection.lives import HOUR, Life
from remit.server.projection.port import Listing
from remit.server.projection.writing import Batch, Line, line_of, write

WORDS = [f"{head}{tail}" for head in ("re", "or", "inv", "pay", "ship", "tick", "cust", "dam") for tail in range(250)]
COMMON = "please"
BEGAN = 1_790_000_000_000
_AGENTS = ("desk", "analyst", "clerk", "research")
_STEP = 60_000


def lived(number: int, lots: random.Random, tenant: str = "acme") -> Iterator[ev.Record]:
    """Give the records of a session."""
    at, agent = BEGAN + number * _STEP, lots.choices(_AGENTS, (60, 30, 9, 1))[0]
    text = " ".join([COMMON, *lots.choices(WORDS, k=12)])
    call = Call("refund", {"usd": 3}, "c1_1_0")
    hold, cost = 1_000_000, lots.randrange(1, 5_000_000)
    events: list[ev.Event] = [
        ev.SessionOpened(
            agent, "1", "react@1", {"refund": "x"}, tenant, ev.Tree(f"{number}"), Limits(), {"default": "small"}
        ),
        ev.MessageReceived(text),
        ev.RunOpened(1, "react@1", "w", at),
        ev.ModelAsked("1.0", hold=hold),
        ev.ModelAnswered("1.0", " ".join(lots.choices(WORDS, k=12)), (call,), Usage(900, 40), cost),
        ev.EffectStarted(call.id),
        ev.EffectEnded(Outcome(call.id, "ok")),
    ]
    if lots.random() < 0.02:
        events.append(ev.Flagged("honeypot", "notice", "it took the bait", call.id))
    if lots.random() < 0.995:
        events.append(ev.RunEnded(1, lots.choices(("done", "failed"), (95, 5))[0], "done"))
    for seq, event in enumerate(events, 1):
        yield ev.Record(seq, at + seq * lots.randrange(1, 500), event)


def batches(count: int, *, tenant: str = "acme", seed: int = 1) -> Iterator[tuple[Batch, Line]]:
    """Give so many sessions as they are written."""
    lots = random.Random(seed)
    for number in range(count):
        life, batch = Life(f"{lots.getrandbits(48):012x}"), Batch(0)
        for record in lived(number, lots, tenant):
            batch.brought.append(life.see(record))
            batch.seq = record.seq
        yield batch, line_of(life, BEGAN)


async def fill(file: ViewsFile, count: int, *, at_once: int = 2000) -> None:
    """Write so many sessions."""
    coming = batches(count)
    while some := list(islice(coming, at_once)):
        await file.write(lambda db, some=some: write(db, some))


def _median_ms(db: sqlite3.Connection, listing: Listing) -> str:
    took, found = list[float](), page(db, "acme", listing)
    for _ in range(7):
        began = time.perf_counter()
        found = page(db, "acme", listing)
        took.append((time.perf_counter() - began) * 1000)
    return f"median {statistics.median(took):6.1f} ms, most {max(took):6.1f} ms, {len(found.sessions)} sessions"


QUESTIONS = {
    "newest": Listing(),
    "dearest": Listing(order="cost"),
    "rare agent, dearest": Listing(agent="research", order="cost"),
    "failed, most steps": Listing(ended="failed", order="steps"),
    "no agent of that name": Listing(agent="nobody", order="cost"),
    "flagged": Listing(flag="honeypot", order="opened"),
    "running": Listing(status="running"),
    "running, dearest": Listing(status="running", order="cost"),
    "since the last hour": Listing(since=BEGAN + 100_000 * _STEP - HOUR, order="cost"),
    "word": Listing(text=WORDS[7]),
    "two words": Listing(text=f"{WORDS[7]} {WORDS[40]}"),
    "word in all": Listing(text=COMMON),
    "word in all, of nobody": Listing(text=COMMON, agent="nobody"),
    "word in all, rare agent": Listing(text=COMMON, agent="research", order="cost"),
    "one letter": Listing(text="p"),
    "beginning": Listing(text="shi"),
    "word and beginning": Listing(text=f"{COMMON} {WORDS[7]} sh"),
    "id": Listing(text="00a"),
    "nothing": Listing(text="nowhere"),
}


async def _measure(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = ViewsFile(Path(folder) / "views.db")
        began = time.perf_counter()
        await fill(file, count)
        _say(f"{count} sessions written", began)
        for name, listing in QUESTIONS.items():
            _tell(name, await file.read(lambda db, listing=listing: _median_ms(db, listing)))
        first = await file.read(lambda db: page(db, "acme", Listing(limit=500)))
        middle = Listing(after=first.next or "")
        _tell("a page in the middle", await file.read(lambda db: _median_ms(db, middle)))
        for name, ask in ASKED.items():
            began = time.perf_counter()
            await file.read(ask)
            _say(name, began)
        await file.close()


def _say(name: str, began: float) -> None:
    _tell(name, f"{(time.perf_counter() - began) * 1000:6.1f} ms")


def _tell(name: str, what: str) -> None:
    sys.stdout.write(f"{name:28} {what}\n")


ASKED: dict[str, Callable[[sqlite3.Connection], object]] = {
    "overview": lambda db: asking.overview(db, "acme", BEGAN + HOUR),
    "figures of a day": lambda db: asking.figures(db, "acme", since=BEGAN, until=BEGAN + 24 * HOUR, step=HOUR),
    "figures of 69 days": lambda db: asking.figures(db, "acme", since=BEGAN, until=BEGAN + 1656 * HOUR, step=HOUR),
    "flags": lambda db: asking.flags(db, "acme", (), 50, ""),
    "flags of a kind": lambda db: asking.flags(db, "acme", ("honeypot",), 50, ""),
}

if __name__ == "__main__":
    asyncio.run(_measure(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000))
