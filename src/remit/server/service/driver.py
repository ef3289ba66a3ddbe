"""Driver: has sessions driven in this process, each by one task, and wakes them when there is something to do.

What is to be done is read from the journal, never remembered: a process that dies owes nothing that the next one
does not find. `wake` is a hint that may come too often and never too rarely.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping

from remit.core.agent import Agent
from remit.core.errors import RemitError, SessionBusyError
from remit.core.ports import SessionQuery, SessionRow
from remit.core.state import State
from remit.core.values import now_ms
from remit.home import HANDED_BACK, Home
from remit.runtime import Session, halt
from remit.server.service.turning import Held, Turn, turn

_log = logging.getLogger("remit.server")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 30.0
"""Seconds before a session is tried again that another worker drives, or for which there was no room."""

_FARTHEST = 24 * 3600.0
"""Seconds that a timer is set for at most; it is set again."""

_STALLED = 5
"""How often a session may go on and stand where it stood; then it is left alone until somebody acts."""

_TRIES = 5
"""How often one that breaks is tried: each time may pay for a question; then it sleeps until somebody resumes it."""

_LOOK_AGAIN = 30.0
"""Seconds between looks at the store for what another process left: its death, or a message it took while stopping."""

_CUT = 5.0
"""Seconds that a step has to end once it is cut off; what ignores that is left to the end of the process."""

_KNOWN = 100_000
"""Sleeping sessions of which it is kept how far they were read."""

_PAGE = 500
_TASK = "remit-"


class Driver:
    """Who works on what in this process."""

    def __init__(
        self,
        home: Home,
        agents: Mapping[str, Agent],
        *,
        at_once: int = 1000,
        look_again: float = _LOOK_AGAIN,
        cut: float = _CUT,
        held: Held | None = None,
    ) -> None:
        """Take who may be driven; `at_once` is how many sessions at the same time, others wait for their turn.

        What other processes leave is looked for every `look_again` seconds; a step that is cut off has `cut` to end.
        `held` says why the sessions of a tenant's agent are not to go on, nothing when they are; tell `switched` when
        it changes.
        """
        self._home, self._agents = home, agents
        self._room = asyncio.Semaphore(at_once)
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._again: set[str] = set()
        self._forced: set[str] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._alarms: dict[str, int] = {}
        """When sessions are to be looked at by the clock on the wall, which a machine that slept finds far ahead."""
        self._pauses: dict[str, float] = {}
        self._read: dict[str, int] = {}
        self._broke: dict[str, int] = {}
        self._look_again, self._cut = look_again, cut
        self._looking: asyncio.Task[None] | None = None
        self._nudge = asyncio.Event()
        self._held = held
        self._draining = False
        home.lives.watch(self._begun)

    @property
    def draining(self) -> bool:
        """Whether this process takes up nothing more."""
        return self._draining

    def working(self) -> int:
        """Say how many sessions are under way here or wait for their turn."""
        return len(self._tasks)

    @property
    def agents(self) -> tuple[Agent, ...]:
        """Give all that can be driven here."""
        return tuple(self._agents.values())

    @property
    def elsewhere(self) -> None:
        """Nothing: whoever is driven is driven here."""
        return

    def serves(self, agent: str) -> Agent | None:
        """Give an agent that can be driven here; `None` for any other."""
        return self._agents.get(agent)

    async def start(self) -> None:
        """Take up what another process left, and what one leaves from now on."""
        await self._look()
        if not self._draining:
            self._looking = asyncio.create_task(self._keep_looking(), name="remit-looking")

    async def _keep_looking(self) -> None:
        while True:
            # Not `wait_for`, which before Python 3.12 may lose a cancellation that comes with a nudge.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._look_again):
                    await self._nudge.wait()
            self._nudge.clear()
            self.catch_up(now_ms())
            try:
                await self._look()
            except RemitError as error:
                _log.warning("cannot look for what other processes left: %s", error)

    def catch_up(self, now: int) -> None:
        """Look at the sessions whose time has come by the wall's clock though their timers still run."""
        for session in [name for name, at in self._alarms.items() if at <= now]:
            self._begin(session)

    async def _look(self) -> None:
        """Find runs of dead workers, messages nobody read, decisions nobody heard."""
        for query in (
            SessionQuery(status="running", limit=_PAGE),
            SessionQuery(status="idle", why="message", limit=_PAGE),
            SessionQuery(status="waiting", limit=_PAGE),
        ):
            await self._take_up(query)

    async def _take_up(self, query: SessionQuery) -> None:
        rows = await self._home.sessions(query)
        while rows:
            for row in rows:
                if row.agent in self._agents and row.id not in self._tasks and await self._changed(row):
                    self.wake(row.id)
            # So many at a time that requests are answered meanwhile.
            await asyncio.sleep(0)
            rows = await self._home.sessions(
                SessionQuery(status=query.status, why=query.why, limit=_PAGE, after=rows[-1].id)
            )

    async def _changed(self, row: SessionRow) -> bool:
        """Say whether one may be able to go on: not if it sleeps and nobody wrote to it since it was read."""
        if row.id in self._pauses and row.id in self._timers:
            return False
        read = self._read.get(row.id)
        alone = row.status == "waiting" or self._broke.get(row.id, 0) >= _TRIES
        if not alone or read is None:
            return True
        return bool(await self._home.store.read(row.id, after=read))

    def wake(self, session: str, *, force: bool = False) -> None:
        """Look at a session and go on with it if it can; `force` goes on with one that sleeps until it is resumed."""
        self._broke.pop(session, None)
        if force:
            self._forced.add(session)
        self._begin(session)

    def _begin(self, session: str) -> None:
        if self._draining:
            return
        if session in self._tasks:
            self._again.add(session)
            return
        self._unset(session)
        self._tasks[session] = asyncio.create_task(self._drive(session), name=f"{_TASK}{session}")

    async def force(self, session: str) -> None:
        """Go on with one that sleeps until somebody resumes it."""
        self.wake(session, force=True)

    async def pause(self, session: str, why: str) -> bool:
        """Have a session stop after the step it is in; false when it is not driven here."""
        living = None if self._draining else self._home.lives.living(session)
        if living is not None:
            living.pause(why)
        return living is not None

    def switched(self) -> None:
        """Have all that is held back now stop after its step, and what no longer is go on.

        What was sent to it meanwhile waits in its journal.
        """
        self._home.lives.pause(HANDED_BACK, self._stops)
        # What sleeps is looked at again though nobody wrote to it.
        self._read.clear()
        self._nudge.set()

    def _stops(self, living: Session) -> bool:
        return self._held is not None and bool(self._held(living.world.tenant.name, living.agent.name))

    async def drain(self, grace: float) -> None:
        """Take up nothing more, have all stop after the step they are in, and hand them back for the next process.

        Those that need more than `grace` seconds are cut off, as a crash would, and found again as after one.
        """
        self._draining = True
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._alarms.clear()
        self._home.lives.pause(HANDED_BACK)
        tasks = set(self._tasks.values())
        if not tasks:
            return
        _, late = await asyncio.wait(tasks, timeout=grace)
        for task in late:
            task.cancel()
        if late:
            _, stuck = await asyncio.wait(late, timeout=self._cut)
            for task in stuck:
                _log.warning("session %s does not let itself be cut off", task.get_name().removeprefix(_TASK))

    def _begun(self, living: Session) -> None:
        if self._draining or self._stops(living):
            living.pause(HANDED_BACK)

    # -- one session -----------------------------------------------------------------------------------------------

    async def _drive(self, session: str) -> None:
        try:
            async with self._room:
                await self._go_on(session)
            self._pauses.pop(session, None)
            self._broke.pop(session, None)
        except SessionBusyError:
            # Its worker may not see what came last; it is looked at again when that one is through.
            self._later(session)
        except RemitError as error:
            _log.warning("session %s could not go on: %s: %s", session, type(error).__name__, error)
            self._later(session)
        except Exception as error:  # noqa: BLE001 - whatever broke one session must not stop the others
            await self._broken(session, error)
        finally:
            del self._tasks[session]
            if session in self._again:
                self._again.discard(session)
                self.wake(session)

    async def _broken(self, session: str, error: Exception) -> None:
        """Try one again whose own code broke, but not for ever: then it sleeps, and whoever waits for it is told."""
        tries = self._broke[session] = self._broke.get(session, 0) + 1
        if tries < _TRIES:
            _log.exception("session %s broke", session)
            self._later(session)
            return
        _log.exception("session %s broke %s times; it sleeps until somebody resumes it", session, tries)
        self._forced.discard(session)
        why = f"it broke {tries} times ({type(error).__name__}; the server's log says where): resume it once mended"
        with contextlib.suppress(RemitError):
            self._read[session] = (await halt(self._home.store, session, why)).seq

    async def _go_on(self, session: str) -> None:
        stalled = 0
        while stalled < _STALLED and not self._draining:
            if session in self._again:
                stalled = 0
            self._again.discard(session)
            forced = session in self._forced
            self._forced.discard(session)
            try:
                found = await self._due(session, forced=forced)
                agent = self._served(found)
                if found is None or agent is None:
                    return
                result, _ = await self._home.go_on(agent, session, found.records)
            except SessionBusyError:
                raise
            except Exception:
                # Whoever had it resumed was told that it will be.
                if forced:
                    self._forced.add(session)
                raise
            stalled = stalled + 1 if result.status in {"waiting", "idle"} else 0
        if stalled:
            self._read[session] = (await self._home.store.read(session))[-1].seq

    async def _due(self, session: str, *, forced: bool) -> Turn | None:
        """Say how a session stands that can go on now; otherwise set a timer if there is a time at which it can."""
        found = await turn(self._home, session, self._held, forced=forced)
        if found is None:
            return None
        if len(self._read) >= _KNOWN:
            self._read.clear()
        before, self._read[session] = self._read.get(session), found.state.seq
        if found.go:
            return found
        if found.held and forced:
            self._forced.add(session)
        self._stir(session, before, found.state)
        if found.at is not None:
            self._set(session, min((found.at - now_ms()) / 1000, _FARTHEST))
            if not self._draining:
                self._alarms[session] = found.at
        return None

    def _served(self, found: Turn | None) -> Agent | None:
        opened = found.state.opened if found is not None else None
        return self._agents.get(opened.agent) if opened is not None else None

    def _stir(self, session: str, before: int | None, state: State) -> None:
        if state.seq != before:
            # It goes on sleeping, so whoever tells of what is new hears of it from nobody else.
            self._home.lives.stir(session)

    def _later(self, session: str) -> None:
        pause = self._pauses.get(session, _FIRST_PAUSE)
        self._pauses[session] = min(pause * 2, _LONGEST_PAUSE)
        self._set(session, pause)

    def _set(self, session: str, seconds: float) -> None:
        self._unset(session)
        if not self._draining:
            self._timers[session] = asyncio.get_running_loop().call_later(max(seconds, 0.0), self._ring, session)

    def _unset(self, session: str) -> None:
        self._alarms.pop(session, None)
        timer = self._timers.pop(session, None)
        if timer is not None:
            timer.cancel()

    def _ring(self, session: str) -> None:
        self._timers.pop(session, None)
        self._begin(session)
