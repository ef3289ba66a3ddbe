"""Resuming: takes up a session that exists and drives it until it answers or waits."""

from collections.abc import Sequence

from remit.core.agent import Agent
from remit.core.errors import UnknownSessionError
from remit.core.events import Record, SessionOpened
from remit.core.ports import Store
from remit.core.state import State
from remit.home.lives import Lives
from remit.home.wiring import Wiring
from remit.runtime import RunResult, Session


class Resume:
    """Goes on with sessions of a home, for who has just read them or has not."""

    def __init__(self, store: Store, wiring: Wiring, lives: Lives) -> None:
        """Take the ports of the home, and who is driven in it."""
        self._store, self._wiring, self._lives = store, wiring, lives

    async def __call__(self, agent: Agent, session: str, records: Sequence[Record] = ()) -> tuple[RunResult, State]:
        """Drive a session, and say what it is then; without its records it is read.

        Raise `UnknownSessionError` when there is none, `SessionBusyError` when another worker drives it.
        """
        await self._wiring.check(agent)
        with self._lives.begin(session):
            living = await self.loaded(agent, session, records or await self.records(session))
        return await self._lives.drive(living), living.state

    async def records(self, session: str) -> list[Record]:
        """Read a session; raise `UnknownSessionError` when there is none."""
        records = await self._store.read(session)
        if not records:
            raise UnknownSessionError(f"no session {session!r} in this home; `remit sessions` lists them")
        return records

    async def loaded(self, agent: Agent, name: str, records: Sequence[Record]) -> Session:
        """Make what drives a session from its records."""
        first = records[0].event
        assert isinstance(first, SessionOpened)
        living = await Session.load(name, *await self._wiring.world(agent, first.tenant), records)
        self._lives.heed(living)
        return living
