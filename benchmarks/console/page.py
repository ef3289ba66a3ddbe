"""Page: what was measured, for people to read."""

import os
import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.console.living import Lived
from benchmarks.console.staying import CHANGES, TABS, Idle, Scrolled
from benchmarks.console.visits import PLACES, Taken

READY, WIRE = 500, 60_000
"""The goals: milliseconds until a page can be used, bytes on the wire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """All figures of a run."""

    sessions: int
    events: int
    rounds: int
    lived: Lived
    visits: Mapping[tuple[str, str], Taken]
    scrolls: Mapping[str, Scrolled]
    idles: Mapping[tuple[str, int], Idle]
    tabs: tuple[float, float]
    loads: Sequence[float]
    browser: str


def page(found: Measured) -> str:
    """Write the page."""
    loads = ", ".join(f"{load:.1f}" for load in found.loads)
    return f"""# Benchmarks of the console

A store with {found.sessions:,} sessions, and one more of {found.events:,} events; `remit`'s server with its console on
loopback; Chromium {found.browser}, headless, 1440 by 900. Remade by

```console
python -m benchmarks.console
```

Measured on {time.strftime("%d %B %Y")} on {os.cpu_count()} cores ({platform.machine()}, Python \
{platform.python_version()}) that the server, the browser and other work shared: the load (running processes, over a
minute) was {loads} at the beginning, after the visits and at the end. On a busy machine read the ratio to the floor, an
empty page of the same server that was opened in turn with the others, rather than milliseconds.

## Opening a page

Medians of {found.rounds} visits, the worst behind a slash; milliseconds since the navigation began. A page is *ready*
when what one came for was drawn and no long task (50 ms or more) is under way any more: a click is answered. The
goals: ready within {READY} ms, {WIRE // 1000} KB on the wire.

{_visits(found)}

*First byte* is the server's time; *click* is from a click to the frame that answers it, 0 below 16 ms; *ratio* is ready
beside the floor's with the same cache. {_verdict(found)}

## Scrolling

By 600 pixels in every frame, which nobody does; the list asks for more as it goes.

{_scrolls(found)}

## Open pages

Of a core, at rest and while {CHANGES} sessions a second change:

{_idles(found)}

A tab on the list of sessions takes {_kilobytes(found.tabs[0])} of the server's memory when {TABS} of one person are
open, which share one event stream, and {_kilobytes(found.tabs[1])} when {TABS} people have one each (the growth of its
resident memory by {TABS}).

{_reading(found)}"""


def _reading(found: Measured) -> str:
    return f"""## A server that reads {found.sessions:,} sessions for the first time

It took {found.lived.seconds:.0f} s to list them all, and goes on answering meanwhile:

| `/health/live`, every 20 ms | median ms | 95th percentile ms | most ms |
|---|---:|---:|---:|
| while they were read | {_three(found.lived.meanwhile)} |
| in the 35 s afterwards, with a survey | {_three(found.lived.afterwards)} |
"""


def _visits(found: Measured) -> str:
    lines = [
        "| page | cache | wire bytes | first byte | painted | ready | ratio | longest task | click |",
        "|---|---|" + "---:|" * 7,
    ]
    for place in PLACES:
        for cache in ("empty", "warm"):
            one, floor = found.visits[place.name, cache], found.visits[PLACES[0].name, cache]
            ratio = one.median("ready") / floor.median("ready")
            cells = [f"{one.median('bytes'):,.0f}", *[_both(one, name) for name in ("server", "painted", "ready")],
                     f"{ratio:.1f}", *[_both(one, name) for name in ("longest", "click")]]  # fmt: skip
            lines.append(f"| {place.name} | {cache} | {' | '.join(cells)} |")
    return "\n".join(lines)


def _both(one: Taken, name: str) -> str:
    return f"{one.median(name):.0f} / {one.most(name):.0f}"


def _verdict(found: Measured) -> str:
    missed = [
        f"{name} with {'an empty' if cache == 'empty' else 'a warm'} cache ({what})"
        for (name, cache), one in found.visits.items()
        for what, over in (
            (f"{one.median('ready'):.0f} ms", one.median("ready") > READY),
            (f"{one.median('bytes') / 1000:.1f} KB", one.most("bytes") > WIRE),
        )
        if over
    ]
    return f"**Missed**: {'; '.join(missed)}." if missed else "Both goals were met by every page."


def _scrolls(found: Measured) -> str:
    lines = ["| page | rows | frames | over 50 ms | worst ms | rows in the page |", "|---|---:|---:|---:|---:|---:|"]
    lines += [
        f"| {name} | {one.rows:,} | {one.frames} | {one.slow} | {one.worst:.0f} | {one.drawn} |"
        for name, one in found.scrolls.items()
    ]
    return "\n".join(lines)


def _idles(found: Measured) -> str:
    lines = ["| page | changes a second | tab, % | server, % |", "|---|---:|---:|---:|"]
    lines += [
        f"| {name} | {changes} | {one.tab:.1f} | {one.server:.1f} |" for (name, changes), one in found.idles.items()
    ]
    return "\n".join(lines)


def _kilobytes(size: float) -> str:
    # Resident memory grows in steps: what is below a few of them for all tabs together cannot be told.
    return f"{size:.0f} KB" if size >= 1 else "too little to be seen"


def _three(figures: tuple[float, float, float]) -> str:
    return " | ".join(f"{one:.1f}" for one in figures)
