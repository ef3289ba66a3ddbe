"""A process that forks a worker for a line on its input and says, for the next, how it ended.

Run as `python zygote.py FOLDER TIER`. A worker takes up the sessions that are not finished, or begins one, whose
program makes ten calls in a box of the tier. Where a person must allow a call, they do, and another worker goes on.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import cast

from remit import Agent, Home
from remit.core.messages import Call
from remit.core.moves import Brief, Function, Strategy, execute
from remit.core.ports import ALLOW, SessionQuery, ToolSpec, Verdict
from remit.core.programs import TIERS, SandboxPolicy, Tier
from remit.core.state import State
from remit.core.values import JsonValue
from remit.runtime import doubted, settle, waiting
from remit.testing import EffectCounter, ScriptedModel

CALLS = 10
PROGRAM = f"""
done = []
for n in range({CALLS}):
    done.append(effect(n=n)["done"])
done
"""


class AsksInTheMiddle:
    """Asks a person before the sixth call."""

    def check(self, call: Call, spec: ToolSpec, state: State) -> Verdict:
        """Ask."""
        return Verdict("ask", "the middle") if call.args.get("n") == CALLS // 2 else ALLOW


def agent(tool: EffectCounter, tier: Tier) -> Agent:
    """Declare an agent that runs the program."""

    def programmed(brief: Brief) -> Strategy:
        functions = [Function("effect", "effect", (("n", "n"),))]
        ran = yield from execute(PROGRAM, functions=functions, policy=SandboxPolicy(least=tier))
        # What was made must be what the program was told, one for one and in order.
        told = list[JsonValue](made.output for made in ran.made)
        keys = ran.value if isinstance(ran.value, list) else []
        return [ran.status, told == [{"done": key} for key in keys], ran.error, ran.why]

    return Agent("a", ScriptedModel([]), tools=[tool], strategy=programmed, guards=[AsksInTheMiddle()])


async def live(folder: Path, tier: Tier) -> None:
    """Work as a process does."""
    tool = EffectCounter("once", folder / "effects", pause=0.001)
    declared = agent(tool, tier)
    async with Home.open(folder / "home") as home:
        rows = [row for row in await home.sessions(SessionQuery(limit=100_000)) if row.why != "done"]
        if not rows:
            await home.run(declared, "go")
        for row in rows:
            result = await home.resume(declared, row.id)
            while result.status == "waiting" and (doubts := doubted(await home.session(row.id))):
                for doubt in doubts:
                    happened = f"{row.id}-{doubt.call.id}" in tool.called()
                    key: JsonValue = {"done": f"{row.id}-{doubt.call.id}"} if happened else None
                    await settle(home.store, row.id, doubt.call.id, happened=happened, by="ann", output=key)
                result = await home.resume(declared, row.id)
        for row in await home.sessions(SessionQuery(limit=100_000)):
            for asked in waiting(await home.session(row.id)):
                await home.approve(row.id, asked.call.id, by="ann")


def main() -> None:
    """Fork and reap as told."""
    folder, tier = Path(sys.argv[1]), TIERS[TIERS.index(cast("Tier", sys.argv[2]))]
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            asyncio.run(live(folder, tier))
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
