"""A process that forks a worker for a line on its input and says, for the next, how it ended.

Run as `python zygote.py FOLDER EFFECT`. A worker takes up the sessions that are not finished, or begins one.
"""

import asyncio
import itertools
import os
import sys
from pathlib import Path

from remit import Agent, Home
from remit.core.messages import ToolMessage
from remit.core.ports import Reply, Request, SessionQuery
from remit.runtime import doubted, settle
from remit.testing import EffectCounter, ScriptedModel, calls, says, use

CALLS = 3


def reacts(request: Request) -> Reply:
    done = sum(isinstance(message, ToolMessage) for message in request.messages)
    return calls(use("effect", n=done)) if done < CALLS else says("done")


def counter(folder: Path, effect: str) -> EffectCounter:
    name, _, probe = effect.partition("+")
    assert name in {"once", "idempotent"}
    kind = "once" if name == "once" else "idempotent"
    return EffectCounter(kind, folder / "effects", reconciles=bool(probe), pause=0.001)


async def live(folder: Path, effect: str) -> None:
    tool = counter(folder, effect)
    agent = Agent("a", ScriptedModel(itertools.repeat(reacts)), tools=[tool])
    async with Home.open(folder / "home") as home:
        rows = [row for row in await home.sessions(SessionQuery(limit=100_000)) if row.why != "done"]
        if not rows:
            await home.run(agent, "go")
        for row in rows:
            result = await home.resume(agent, row.id)
            while result.status == "waiting":
                # A person looks at the world and says what is true.
                for doubt in doubted(await home.session(row.id)):
                    happened = f"{row.id}-{doubt.call.id}" in tool.called()
                    await settle(home.store, row.id, doubt.call.id, happened=happened, by="ann")
                result = await home.resume(agent, row.id)


def main() -> None:
    folder, effect = Path(sys.argv[1]), sys.argv[2]
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            asyncio.run(live(folder, effect))
            os._exit(0)
        sys.stdout.write(f"{pid}\n")
        sys.stdout.flush()
        # Not reaped before it is asked for, so that its number cannot be another's when it is killed.
        sys.stdin.readline()
        _, status = os.waitpid(pid, 0)
        sys.stdout.write(f"{status}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
