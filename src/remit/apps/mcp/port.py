"""Port: the sessions that MCP clients begin and go on with, whoever keeps and drives them."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from remit.core.agent import Agent
from remit.core.events import Record
from remit.core.ports import SessionStatus
from remit.core.state import Effect, State
from remit.core.values import JsonObject
from remit.runtime import RunResult, Shown
from remit.telemetry import Row

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
    trace: str = ""
    """The W3C `traceparent` of the client's call."""


class Line(Protocol):
    """A line of a list of sessions."""

    @property
    def id(self) -> str: ...
    @property
    def agent(self) -> str: ...
    @property
    def status(self) -> SessionStatus: ...
    @property
    def why(self) -> str: ...
    @property
    def opened(self) -> int: ...


class Sessions(Protocol):
    """The sessions of one tenant, for one request of a client; of any other session it knows nothing."""

    async def run(self, agent: Agent, wish: Wish, tell: Tell) -> RunResult:
        """Have an agent do what is wanted, or say what came of it when it was wanted before."""
        ...

    async def resume(self, agent: Agent, session: str, run: int, tell: Tell) -> RunResult:
        """Say what came of a run, which goes on if what it waited for is decided."""
        ...

    async def known(self, agent: Agent, session: str) -> bool:
        """Say whether a session is one of this agent that a client may go on in."""
        ...

    async def records(self, session: str) -> Sequence[Record]:
        """Read a session from its beginning; nothing when there is none of this tenant."""
        ...

    async def state(self, session: str) -> State:
        """Give what a session is now; raise `UnknownSessionError` when there is none of this tenant."""
        ...

    async def lines(self, agent: str, most: int) -> Sequence[Line]:
        """List the sessions of an agent, newest first."""
        ...

    async def blob(self, digest: str) -> bytes:
        """Give bytes by their digest, which a session of these named."""
        ...

    def barred(self, state: State, effect: Effect) -> str:
        """Say why the person at the client may not decide on a call that waits; nothing when they may."""
        ...

    async def decide(self, session: str, call: Shown, *, granted: bool, reason: str) -> None:
        """Allow or deny a call, for that person; raise `ApprovalError` when that cannot be."""
        ...

    async def answer(self, session: str, call: str, given: JsonObject | None) -> None:
        """Answer what a call asks, or decline with `None`; raise `ApprovalError` for what does not fit."""
        ...

    def waits(self, state: State, session: str) -> str:
        """Say what a run waits for, where that is decided, and how its result is then had."""
        ...
