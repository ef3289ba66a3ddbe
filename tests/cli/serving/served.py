"""A server in a process of its own, that can be stopped and killed."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

AGENT = """
import itertools
from pathlib import Path
from remit import Agent
from remit.core.messages import UserMessage
from remit.testing import EffectCounter, ScriptedModel, says, use

effect = EffectCounter(path=Path(__file__).with_name("effects"), reconciles=True, pause=0.02)

def turn(request):
    acts = len(list(itertools.takewhile(lambda one: not isinstance(one, UserMessage), reversed(request.messages)))) // 2
    return says("done") if acts >= 5 else says("", use("effect", number=acts))

agent = Agent("clerk", ScriptedModel(itertools.repeat(turn)), tools=[effect])
"""


@dataclass
class Served:
    """A running server."""

    process: asyncio.subprocess.Process
    url: str
    metrics: str
    """Where it is scraped; empty for nowhere."""

    async def end(self, number: signal.Signals) -> int:
        """Send it a signal and wait for its end."""
        self.process.send_signal(number)
        return await self.process.wait()


@contextlib.asynccontextmanager
async def served(
    folder: Path, *words: str, agents: Sequence[str] = ("agent.py",), more: Mapping[str, str] | None = None
) -> AsyncGenerator[Served]:
    """Serve the agent of a folder meanwhile, with `more` in the environment."""
    (folder / "agent.py").write_text(AGENT)
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "remit", "serve", *agents, "--port", "0", "--quiet", *words),
        cwd=folder,
        env={**os.environ, "REMIT_TOKEN": "", **(more or {})},
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        line = await asyncio.wait_for(process.stdout.readline(), 60)
        said = msgspec.json.decode(line, type=dict[str, str])
        yield Served(process, said["listening"], said.get("metrics", ""))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
        # What is left in the pipe is closed with it.
        await process.stdout.read()
