"""Port: who has sessions driven, in this process or elsewhere, for those who take requests."""

from collections.abc import Callable, Mapping
from typing import Protocol

from remit.core.agent import Agent
from remit.home import Home
from remit.server.service.pieces import Elsewhere
from remit.server.service.turning import Held


class Drives(Protocol):
    """Has sessions driven. What is to be done is in their journals: a process that dies owes nothing."""

    @property
    def draining(self) -> bool:
        """Whether this process takes up nothing more."""
        ...

    @property
    def agents(self) -> tuple[Agent, ...]:
        """All that sessions can be begun with here."""
        ...

    @property
    def elsewhere(self) -> Elsewhere | None:
        """What sessions say that other processes drive; `None` when there are no others."""
        ...

    def serves(self, agent: str) -> Agent | None:
        """Give one of them; `None` for any other."""
        ...

    def working(self) -> int:
        """Say how many sessions are under way in this process or wait there for their turn."""
        ...

    def wake(self, session: str) -> None:
        """Know that something was written to a session: it is looked at, and goes on if it can."""
        ...

    async def force(self, session: str) -> None:
        """Have one go on that sleeps until somebody resumes it."""
        ...

    async def pause(self, session: str, why: str) -> bool:
        """Have a session stop after the step it is in; false when nobody drives it who could be told."""
        ...

    def switched(self) -> None:
        """Know that something was switched off or on."""
        ...

    async def start(self) -> None:
        """Take up what another process left."""
        ...

    async def drain(self, grace: float) -> None:
        """Take up nothing more, and hand back what is under way, within `grace` seconds."""
        ...


Driving = Callable[[Home, Mapping[str, Agent], Held], Drives]
"""Makes who drives, from a home, the agents of this process, and what holds sessions back."""
