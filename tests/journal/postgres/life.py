"""A worker on PostgreSQL. Run as `python life.py URL FOLDER NAME`: it takes up what nobody drives until all is done."""

import asyncio
import itertools
import sys
from pathlib import Path
from typing import cast

from remit import Agent, Home, Settings
from remit.core.errors import ConflictError, SessionBusyError
from remit.core.limits import Limits, Tenant
from remit.core.messages import ToolMessage
from remit.core.ports import Reply, Request, SessionQuery
from remit.journal.postgres import Patience, PostgresJournal
from remit.runtime import LocalWorkers, doubted, settle
from remit.testing import EffectCounter, ScriptedModel, calls, says, use

CALLS = 3
PATIENCE = Patience(beat=0.1, life=0.6, poll=0.1)
TENANT = Tenant(name="t")


def reacts(request: Request) -> Reply:
    done = sum(isinstance(message, ToolMessage) for message in request.messages)
    return calls(use("effect", n=done)) if done < CALLS else says("done")


def agent(tool: EffectCounter) -> Agent:
    return Agent("a", ScriptedModel(itertools.repeat(reacts)), tools=[tool], limits=Limits(usd=1.0))


def counted(folder: Path) -> EffectCounter:
    return EffectCounter("once", folder / "effects", pause=0.01)


def home(journal: PostgresJournal) -> Home:
    """Wire a home over a journal whose workers are this process."""
    return Home(journal, cast("LocalWorkers", journal.workers), bytes(32), Settings(tenants=(TENANT,)))


async def take_up(home: Home, tool: EffectCounter, session: str) -> None:
    """Drive a session to its end, answering truthfully what a person is asked."""
    result = await home.resume(agent(tool), session)
    while result.status == "waiting":
        for doubt in doubted(await home.session(session)):
            happened = f"{session}-{doubt.call.id}" in tool.called()
            await settle(home.store, session, doubt.call.id, happened=happened, by="ann")
        result = await home.resume(agent(tool), session)


async def live(url: str, folder: Path) -> None:
    journal = await PostgresJournal.open(url, patience=PATIENCE)
    tool = counted(folder)
    await journal.workers.begin()
    print("ready", flush=True)  # noqa: T201 - whoever started us waits for it
    async with home(journal) as here:
        while True:
            rows = await here.sessions(SessionQuery(limit=1000))
            open_ones = [row for row in rows if row.why != "done"]
            if not open_ones:
                return
            fallen = await journal.workers.fallen()
            mine = [row.id for row in open_ones if row.status != "running" or row.id in fallen]
            for session in mine:
                try:
                    await take_up(here, tool, session)
                except (ConflictError, SessionBusyError):
                    continue
            await asyncio.sleep(0.02)


if __name__ == "__main__":
    asyncio.run(live(sys.argv[1], Path(sys.argv[2])))
