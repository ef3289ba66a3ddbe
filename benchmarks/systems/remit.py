"""Remit: a default agent, with every guard and limit on and a model that has a price, over any of its stores."""

import gc
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from benchmarks.child import serve
from benchmarks.rig import Place, Rig
from benchmarks.world import LOOKUP_DOC, PAY_DOC, WORLD, hold_prompt, run_prompt
from remit import Agent, AskBefore, Home, Limits, RunResult, tool
from remit.core.messages import Call as Wish
from remit.core.messages import Usage, UserMessage
from remit.core.ports import Emit, ModelSpec, Reply, Request
from remit.home import MEMORY
from remit.journal import RedactedStore, SqliteJournal
from remit.journal.postgres import PostgresJournal
from remit.models import FlatPrice

PRICE = FlatPrice(input=0.15, output=0.6)
USAGE = Usage(120, 20)


class WorldModel:
    """A model that asks the world what to do next."""

    spec = ModelSpec("scripted", PRICE)

    async def complete(self, request: Request, emit: Emit) -> Reply:
        first = request.messages[0]
        assert isinstance(first, UserMessage)
        move = await WORLD.think(first.text, len(request.messages) // 2)
        if isinstance(move, str):
            return Reply(move, usage=USAGE)
        return Reply("", (Wish(move.tool, {"order": move.order}, move.id),), USAGE)


@tool(effect="read", description=LOOKUP_DOC)
async def lookup(order: int) -> str:
    return await WORLD.lookup(order)


@tool(description=PAY_DOC)
async def pay(order: int) -> str:
    return await WORLD.pay(order)


class RemitRig:
    """One home; a session of the bench is a session of Remit."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._agent = Agent(
            "bench",
            WorldModel(),
            tools=[lookup, pay],
            limits=Limits(usd=1000.0, steps=1000),
            guards=[AskBefore("pay")],
        )

    async def run(self, session: str, steps: int) -> str:
        return output(await self._home.run(self._agent, run_prompt(steps), session=session))

    async def suspend(self, session: str, steps: int) -> None:
        result = await self._home.run(self._agent, hold_prompt(steps), session=session)
        if result.status != "waiting":
            raise RuntimeError(f"{session} is {result.status}: {result.reason}")

    async def approve(self, session: str) -> str:
        await self._home.approve(session, by="bench")
        return output(await self._home.resume(self._agent, session))

    def fsyncs(self) -> int | None:
        store = self._home.store
        match store.inner if isinstance(store, RedactedStore) else store:
            case SqliteJournal() as journal:
                return journal.syncs
            case PostgresJournal() as journal:
                return journal.commits
            case _:
                return None


def output(result: RunResult) -> str:
    if result.status != "done":
        raise RuntimeError(f"{result.session} is {result.status}: {result.reason}")
    return str(result.output)


@asynccontextmanager
async def open_rig(place: Place) -> AsyncGenerator[Rig]:
    # As the command line does: what is loaded by now stays, and young garbage is looked for less often.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    async with Home.open(MEMORY if place is None else place) as home:
        yield RemitRig(home)


if __name__ == "__main__":
    serve(open_rig)
