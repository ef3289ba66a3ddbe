"""Filling: a store with very many sessions and one that is very long, all as agents would have written them."""

import asyncio
import random
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from tests.server.projection.filling import lived

from remit.core import events as ev
from remit.core.limits import Limits
from remit.core.messages import Call, Outcome, Usage
from remit.core.ports import Store
from remit.journal import SqliteJournal

TENANT = "acme"
LONG = "long"
"""What the long session is called."""

_AT_ONCE = 500


def short(count: int, seed: int = 1) -> Iterator[tuple[str, list[ev.Event]]]:
    """Give so many sessions of eight events or so, of four agents; all are at rest."""
    lots = random.Random(seed)
    for number in range(count):
        events = [record.event for record in lived(number, lots, TENANT)]
        if not isinstance(events[-1], ev.RunEnded):
            events.append(ev.RunEnded(1, "cancelled"))
        yield f"{lots.getrandbits(48):012x}", events


def long(events: int) -> list[ev.Event]:
    """Give one session with so many events: a run that asks and searches again and again, sometimes in vain."""
    found: list[ev.Event] = [
        ev.SessionOpened(
            "research", "1", "react@1", {"search_web": "x"}, TENANT, ev.Tree(LONG), Limits(), {"default": "small"}
        ),
        ev.MessageReceived("Find the cheapest supplier of kettles"),
        ev.RunOpened(1, "react@1", "w", 0),
    ]
    turn = 0
    while len(found) < events - 1:
        turn += 1
        call = Call("search_web", {"query": f"kettles, wholesale, page {turn}"}, f"c{turn}_{turn}_0")
        status, output = ("failed", "the service is away") if turn % 40 == 0 else ("ok", [{"price": turn}])
        found += [
            ev.ModelAsked(f"{turn}.0", hold=1_000_000),
            ev.ModelAnswered(f"{turn}.0", f"Page {turn} has nothing", (call,), Usage(900 + turn, 40), 700_000),
            ev.EffectStarted(call.id),
            ev.EffectEnded(Outcome(call.id, status, output)),
        ]
    return [*found[: events - 1], ev.RunEnded(1, "done", "There is none")]


async def fill(folder: Path, sessions: int, events: int) -> None:
    """Write a store into a folder."""
    store = SqliteJournal(folder / "journal.db")
    try:
        coming = short(sessions)
        while some := list(islice(coming, _AT_ONCE)):
            await asyncio.gather(*[store.append(name, each, after=0) for name, each in some])
        await _append(store, LONG, long(events))
    finally:
        await store.close()


async def _append(store: Store, name: str, events: Sequence[ev.Event]) -> None:
    for first in range(0, len(events), 4):
        await store.append(name, events[first : first + 4], after=first)
