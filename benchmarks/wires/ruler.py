"""Ruler of W5: CPU of one call at the end of a history, the same for every client.

Each measured call is the first of its conversation after one more step, as in a session: what a client may keep of the
history from the call before, it has kept.
"""

import argparse
import asyncio
import gc
import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Literal, Protocol, get_args

from benchmarks.measure import Stopwatch, WrongWorkError
from benchmarks.world import LOOKUP_DOC, TEXT

Wire = Literal["chat", "responses", "messages"]

CALLS = 20
"""Calls of one round, one after the other."""
ROUNDS = 7
LONG_SECONDS = 3.0
"""After so much measured time there is no further round: noise is small against it."""
INSTRUCTIONS = "You look orders up and tell customers where they are."
TASK = "Where are my orders?"
SAID = "All orders are on their way and arrive within two days."
MAX_OUTPUT = 512
SCHEMA: dict[str, object] = {"type": "object", "properties": {"order": {"type": "integer"}}, "required": ["order"]}
TOOL = ("lookup", LOOKUP_DOC, SCHEMA)


def result(order: int) -> str:
    """Return what the tool says of an order: about 260 B, different for each."""
    return f"{order:06d} {TEXT * 3}"[:260]


class Conversation(Protocol):
    """A history, and a client that can ask for the next answer."""

    def step(self, number: int) -> None:
        """Append a call of the tool and its result."""
        ...

    async def ask(self) -> str:
        """Make one streamed call with the whole history and return the text of the answer."""
        ...


Talk = Callable[[], Conversation]
"""Begins a conversation."""
Open = Callable[[str, Wire], AbstractAsyncContextManager[Talk]]
"""Opens a client for the server at a URL."""


async def begun(talk: Talk, steps: int) -> Conversation:
    """Return a conversation one step beyond its last call, of `steps` steps in all."""
    conversation = talk()
    for number in range(steps - 1):
        conversation.step(number)
    await checked(conversation)
    conversation.step(steps - 1)
    return conversation


async def checked(conversation: Conversation) -> None:
    """Ask, and check the answer: a client that reads something else gives no figure."""
    said = await conversation.ask()
    if said != SAID:
        raise WrongWorkError(f"the answer is {said!r}, not {SAID!r}")


async def measured(open_client: Open, url: str, wire: Wire, steps: int) -> dict[str, float]:
    """Return the median over all rounds of what one call costs."""
    walls: list[float] = []
    cpus: list[float] = []
    async with open_client(url, wire) as talk:
        await begun(talk, 2)
        for _ in range(ROUNDS):
            conversations = [await begun(talk, steps) for _ in range(CALLS)]
            gc.freeze()
            watch = Stopwatch.started()
            for conversation in conversations:
                await checked(conversation)
            wall, cpu = watch.read()
            walls.append(wall / CALLS)
            cpus.append(cpu / CALLS)
            if sum(walls) * CALLS > LONG_SECONDS:
                break
    return {"cpu_us_call": statistics.median(cpus) * 1e6, "wall_us_call": statistics.median(walls) * 1e6}


@contextmanager
def served() -> Generator[str]:
    """Start the server in a process of its own and give its URL."""
    command = [sys.executable, "-m", "benchmarks.wires.canned"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield server.stdout.readline().split()[-1]
        finally:
            server.terminate()


def serve(open_client: Open) -> None:
    """Measure what the command line names and print it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("wire", choices=get_args(Wire))
    parser.add_argument("--n", type=int, required=True, help="steps of the history")
    options = parser.parse_args()
    with served() as url:
        print(json.dumps(asyncio.run(measured(open_client, url, options.wire, options.n))), flush=True)
