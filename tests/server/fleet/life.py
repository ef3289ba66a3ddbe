"""A worker that talks. Run as a module with URL, SESSION and PAUSE: it drives that session, so long between words."""

import asyncio
import contextlib
import sys
from dataclasses import dataclass

from tests.journal.postgres.life import PATIENCE, home
from tests.server.fleet.talking import Talker, talking

from remit.core.errors import ConflictError, SessionBusyError
from remit.core.ports import Emit, Reply, Request
from remit.journal.postgres import PostgresJournal
from remit.server.fleet.control import Control
from remit.server.fleet.deltas import Deltas


@dataclass(eq=False)
class Slow(Talker):
    """A talker who takes its time."""

    pause: float = 0.01

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """See `Model.complete`."""
        saying = asyncio.create_task(super().complete(request, emit))
        while not saying.done():
            self.let(1)
            await asyncio.sleep(self.pause)
        return await saying


async def live(url: str, session: str, between: float) -> None:
    journal = await PostgresJournal.open(url, patience=PATIENCE)
    agent = talking(Slow(held=True, pause=between))
    async with home(journal) as here:

        def pause(name: str, why: str) -> bool:
            living = here.lives.living(name)
            if living is not None:
                living.pause(why)
            return living is not None

        async with Deltas(journal.signals, here), Control(journal.signals, pause):
            print("ready", flush=True)  # noqa: T201 - whoever started us waits for it
            while True:
                with contextlib.suppress(SessionBusyError, ConflictError):
                    result = await here.resume(agent, session)
                    if result.status != "waiting":
                        return
                await asyncio.sleep(0.05)


if __name__ == "__main__":
    asyncio.run(live(sys.argv[1], sys.argv[2], float(sys.argv[3])))
