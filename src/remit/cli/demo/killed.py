"""A process that handles one mail and kills itself the moment Jira has answered, before that is written down.

Run as `python -m remit.cli.demo.killed STORE MAIL JIRA_URL SMTP_URL WEBHOOK_URL`, with JIRA_EMAIL and JIRA_TOKEN set.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from remit.apps.desk.agent import desk_agent
from remit.apps.desk.handling import handle
from remit.apps.desk.model import OfflineModel
from remit.apps.desk.places import Desk, Places
from remit.core.ports import Probe, Tool, ToolContext, ToolSpec
from remit.core.values import JsonObject, JsonValue
from remit.home import Home


@dataclass(frozen=True, slots=True)
class Deadly:
    """A tool after whose act the process dies as if the power were cut."""

    tool: Tool

    @property
    def spec(self) -> ToolSpec:
        """The tool's."""
        return self.tool.spec

    def check(self, args: JsonObject) -> str:
        """Check as the tool does."""
        return self.tool.check(args)

    async def call(self, args: JsonObject, context: ToolContext) -> JsonValue:
        """Act, and die."""
        await self.tool.call(args, context)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("nobody survives that")

    async def probe(self, args: JsonObject, context: ToolContext) -> Probe | None:
        """Ask as the tool does."""
        return await self.tool.probe(args, context)


async def main(words: Sequence[str], raw: bytes) -> None:
    """Handle the mail, as far as it goes."""
    store, mail = Path(words[0]), Path(words[1])
    places = Places.from_environ(os.environ, jira_url=words[2], smtp_url=words[3], webhook_url=words[4])
    async with Desk.open(places, store) as desk, Home.open(store) as home:
        agent = desk_agent(desk, OfflineModel())
        tools = [Deadly(tool) if tool.spec.name == "create_ticket" else tool for tool in agent.tools]
        await handle(home, replace(agent, tools=tools), mail.name, raw)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:], Path(sys.argv[2]).read_bytes()))
