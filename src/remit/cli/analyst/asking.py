"""Asking: one question to an analyst in a home, shown while it goes on; the files it left are written at the end."""

import io
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from remit.apps.analyst import Written, finding, left, write
from remit.cli.analyst.telling import files_json, tell, tell_files
from remit.cli.driving import Driver, Items
from remit.cli.screen import Screen
from remit.cli.stores import named
from remit.core.agent import Agent
from remit.core.events import Record
from remit.core.ports import Delta
from remit.core.values import JsonValue
from remit.home import Home
from remit.runtime import RunResult
from remit.telemetry.spans import TRACEPARENT


@dataclass(slots=True)
class Asking:
    """Puts a question to an analyst and tells what came of it."""

    home: Home
    store: str
    """Where the home is."""
    screen: Screen
    folder: str = ""
    """Where files go; empty for a folder named after the session."""
    model: str = ""
    """For the commands that go on."""
    _result: RunResult | None = None

    async def ask(self, agent: Agent, question: str) -> int:
        """Ask, show how it goes, and give the exit status."""
        items = self._heard(self.home.stream(agent, question, trace=os.environ.get(TRACEPARENT, "")))
        if self.screen.json:
            return await self._ask_for_machine(items)
        status = await Driver(self.home, self.store, self.screen, self.model).drive(items, [])
        result = self._ended()
        if result.status == "waiting":
            self.screen.hint(
                f"then `remit analyst --show {result.session}{named(self.store)}` gives the answer and its files"
            )
            return status
        found = finding(result.output) if result.status == "done" else None
        if found is not None:
            tell(self.screen, found)
        tell_files(self.screen, await self._files(result))
        return status

    async def _ask_for_machine(self, items: Items) -> int:
        out = io.StringIO()
        aside = Screen(json=True, out=out)
        status = await Driver(self.home, self.store, aside, self.model).drive(items, [])
        told = msgspec.json.decode(out.getvalue(), type=dict[str, JsonValue])
        result = self._ended()
        written = await self._files(result)
        self.screen.result({**told, "output": result.output, "files": files_json(written)})
        return status

    async def _heard(self, items: AsyncIterator[Delta | Record | RunResult]) -> Items:
        """Keep the result, which is told as an answer and a table; leave out the programs while they are written."""
        async for item in items:
            match item:
                case RunResult():
                    self._result = item
                    yield replace(item, output=None)
                case Delta():
                    pass
                case _:
                    yield item

    def _ended(self) -> RunResult:
        assert self._result is not None
        return self._result

    async def _files(self, result: RunResult) -> list[Written]:
        parts = left(await self.home.store.read(result.session))
        folder = Path(self.folder or f"analyst-{result.session}")
        return await write(parts, folder, self.home.store)
