"""Words: what the scripted model says, with the time at which it said it. The standard library only: servers import it.

The stamps are of the system-wide monotonic clock, so that the driver, another process, can subtract them.
"""

import asyncio
import re
import time
from collections.abc import AsyncIterator

PIECES = 4
"""Pieces of text in an answer."""
HELD_SECONDS = 3600.0
SAID = re.compile(rb"#(\d+)\.(\d)@(\d+);")
"""The number of the message, the place of the piece in its answer, and when it was said, in nanoseconds."""


def prompt(number: int) -> str:
    """Return the message that is answered at once."""
    return f"say {number}"


def held(number: int) -> str:
    """Return the message that is never answered: its run keeps its event stream open."""
    return f"hold {number}"


async def answer(said: str) -> AsyncIterator[str]:
    """Yield the pieces of the answer to a message, each with the moment at which it is said."""
    kind, number = said.split()
    if kind == "hold":
        await asyncio.sleep(HELD_SECONDS)
    for place in range(PIECES):
        yield f"#{number}.{place}@{time.monotonic_ns()}; your order "
