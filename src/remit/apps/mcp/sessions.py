"""Sessions that MCP clients begin: the same call again is never made twice, it finds the session of the first."""

import hashlib
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from remit.core.agent import Agent
from remit.core.events import Record
from remit.core.ports import Delta
from remit.core.state import State
from remit.core.values import digest
from remit.home import Home
from remit.runtime import RunResult
from remit.telemetry import Row, Timeline

PREFIX = "mcp-"
"""How the names of these sessions begin; no others can be reached by a client."""

Tell = Callable[[Row], Awaitable[None]]
"""Shows a client what was done so far."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client wants of an agent."""

    text: str
    key: str = ""
    """The client's idempotency key; empty when it gave none."""
    session: str = ""
    """An earlier session to go on in; empty for a new one."""


@dataclass(eq=False, slots=True)
class Sessions:
    """The sessions of one service."""

    home: Home
    tenant: str = ""
    """Who pays; empty for the home's first tenant."""
    _waiting: dict[str, str] = field(default_factory=dict[str, str])
    """The session of a wish that waits for a person: asked again, it is looked after and not made anew."""

    async def run(self, agent: Agent, wish: Wish, tell: Tell) -> RunResult:
        """Have an agent do what is wanted, or say what came of it when it was wanted before."""
        asked = digest([agent.name, wish.text, wish.session])
        begun = self._waiting.get(asked, "") or (_named(agent, wish.key) if wish.key else "")
        result = await self._again(agent, begun) if begun else None
        if result is None:
            name = begun or wish.session or f"{PREFIX}{secrets.token_hex(8)}"
            result = await _followed(self.home.stream(agent, wish.text, session=name, tenant=self.tenant), tell)
        if result.status == "waiting":
            self._waiting[asked] = result.session
        else:
            self._waiting.pop(asked, None)
        return result

    async def _again(self, agent: Agent, name: str) -> RunResult | None:
        records = await self.home.store.read(name)
        if not records:
            return None
        state = State.fold(record.event for record in records)
        last = state.last
        if state.run is not None or state.inbox or last is None:
            return await self.home.resume(agent, name)
        return RunResult(name, last.run, last.status, last.output, last.reason, last.spent)


async def _followed(items: AsyncIterator[Delta | Record | RunResult], tell: Tell) -> RunResult:
    timeline = Timeline()
    result: RunResult | None = None
    async for item in items:
        match item:
            case Record():
                row = timeline.see(item)
                if row is not None:
                    await tell(row)
            case RunResult():
                result = item
            case Delta():
                pass
    assert result is not None
    return result


def _named(agent: Agent, key: str) -> str:
    return PREFIX + hashlib.sha256(f"{agent.name}\0{key}".encode()).hexdigest()[:24]
