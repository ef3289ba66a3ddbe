"""Worker: drives what the queue gives it, as many sessions at once as it has room for, and hands back what it must.

It remembers nothing: a job is done when its session sleeps or ends, and what a dead worker left is in the sessions.
"""

import asyncio
import itertools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from hashlib import sha256

from remit.core.agent import Agent
from remit.core.errors import (
    ConfigError,
    ConflictError,
    CorruptJournalError,
    JournalBusyError,
    JournalError,
    OverLimitError,
    RemitError,
    SessionBusyError,
    UnknownSessionError,
)
from remit.core.state import State
from remit.core.values import now_ms
from remit.home import HANDED_BACK, Home
from remit.journal.postgres import PostgresJournal
from remit.runtime import Session, halt
from remit.server.fleet.port import Job, Jobs
from remit.server.service.turning import Held, turn
from remit.server.service.work import work

_log = logging.getLogger("remit.fleet")

AT_ONCE = 1000
"""Sessions that one worker drives at the same time."""

_PAUSES = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds before a job is tried again, by how often it was."""
_LONGEST = 4
"""The place of the longest pause while the database is away."""
_BREAKS = 5
"""How often a session that breaks is tried: each time may pay for a question; then it sleeps until it is resumed."""
_BUSY = 6
"""How often one is tried that somebody else drives, who hears what there is to hear; a dead driver is noticed."""
_CUT = 5.0
"""Seconds that steps have to end once they are cut off."""
_ALLOW = 10
"""Beats between two times at which it is said how many runs tenants may have."""
_PLAIN = 40
"""Bytes of a queue's name, which is part of the name of a channel."""
_RUNS = "runs/"
"""How the accounts begin that count the runs of a tenant."""


class Worker:
    """One process of a fleet."""

    def __init__(
        self,
        home: Home,
        agents: Mapping[str, Agent],
        jobs: Jobs,
        *,
        held: Held | None = None,
        at_once: int = AT_ONCE,
        adopts: Sequence[tuple[str, str]] = (),
    ) -> None:
        """Drive sessions of these agents, of their versions and of those versions that `adopts` says too."""
        self._home, self._agents, self._jobs = home, agents, jobs
        self._shared = shared(home)
        self._held, self._at_once = held, at_once
        self._versions = [(agent.name, agent.version) for agent in agents.values()] + list(adopts)
        self._tasks: list[asyncio.Task[None]] = []
        self._working: set[asyncio.Task[object]] = set()
        self._paused: set[tuple[str, str]] = set()
        self._draining = False
        self._letting: asyncio.Task[None] | None = None
        self._owed = False
        home.lives.watch(self._begun)

    @property
    def draining(self) -> bool:
        """Whether it takes up nothing more."""
        return self._draining

    def working(self) -> int:
        """Say how many jobs it is at."""
        return len(self._working)

    # -- its life --------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take jobs from now on; raise `ConfigError` when there cannot be a queue."""
        await self._shared.queue.install()
        await self._shared.workers.begin()
        await self._look_at_terms()
        queues = [queue_of(agent, version) for agent, version in self._versions]
        self._tasks = [
            asyncio.create_task(self._jobs.take(self._work, queues, self._at_once), name="remit-jobs"),
            asyncio.create_task(self._tend(), name="remit-tending"),
        ]

    async def drain(self, grace: float) -> None:
        """Take nothing more, have all stop after the step they are in, and put back what is left of their jobs.

        What needs more than `grace` seconds is cut off, as a crash would, and found again as after one.
        """
        self._draining = True
        self._home.lives.pause(HANDED_BACK)
        for task in (*self._tasks, self._letting):
            if task is not None:
                task.cancel()
        if self._working:
            _, late = await asyncio.wait(set(self._working), timeout=grace)
            for task in late:
                task.cancel()
            if late:
                await asyncio.wait(late, timeout=_CUT)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=_CUT)

    async def _tend(self) -> None:
        """Do now and then what somebody must do for all, and see what an operator says."""
        for beat in itertools.count():
            await asyncio.sleep(self._shared.patience.beat)
            try:
                if beat % _ALLOW == 0:
                    # Another that is still to learn of it may have said something else meanwhile.
                    await self._shared.queue.allow({one.name: one.sessions for one in self._home.tenants.values()})
                while await self._shared.queue.tend():
                    pass
                if await self._look_at_terms():
                    self.switched()
            except RemitError as error:
                _log.warning("cannot look after the queue now: %s", error)

    async def _look_at_terms(self) -> bool:
        """Learn what an operator paused; say whether that changed."""
        paused = {(term.kind, term.name) for term in await self._shared.queue.terms() if term.paused}
        changed, self._paused = paused != self._paused, paused
        return changed

    # -- what must not go on -----------------------------------------------------------------------------------------

    def switched(self) -> None:
        """Have all that is held back now stop after its step, and what no longer is go on."""
        self._home.lives.pause(HANDED_BACK, self._stops)
        self._owed = True
        if self._letting is None or self._letting.done():
            self._letting = asyncio.create_task(self._let_go())

    async def _let_go(self) -> None:
        # Who was let go and held again before the last change is let go again after it.
        while self._owed and not self._draining:
            self._owed = False
            try:
                await self._shared.queue.let_go()
            except RemitError as error:
                _log.warning("cannot let go of what is held: %s", error)
                self._owed = True
                await asyncio.sleep(self._shared.patience.beat)

    def _holds(self, tenant: str, agent: str) -> str:
        if self._paused & {("fleet", ""), ("tenant", tenant), ("agent", agent)}:
            return "an operator paused it"
        return self._held(tenant, agent) if self._held is not None else ""

    def _stops(self, living: Session) -> bool:
        return bool(self._holds(living.world.tenant.name, living.agent.name))

    def _begun(self, living: Session) -> None:
        if self._draining or self._stops(living):
            living.pause(HANDED_BACK)

    # -- one job -----------------------------------------------------------------------------------------------------

    async def _work(self, job: Job) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._working.add(task)
        try:
            await self._persist(job)
        finally:
            self._working.discard(task)

    async def _persist(self, job: Job) -> None:
        """Do a job, however long its database is away: while we live nobody else may go on with what we drove."""
        tries = refused = 0
        while not self._draining:
            try:
                await self._do(job)
            except JournalError as error:
                _log.warning("session %s waits for its database: %s", job.session, error)
                # What is refused for good is a mistake of ours, which no waiting mends.
                refused += not isinstance(error, JournalBusyError)
                if refused >= _BREAKS:
                    await self._broken(replace(job, broke=_BREAKS - 1), error)
                    return
                await asyncio.sleep(_PAUSES[min(tries, _LONGEST)])
                tries += 1
            else:
                return
        # What is under way is found once we are gone.
        await self._put(job)

    async def _do(self, job: Job) -> None:
        """Do a job, or have it done later; raise `JournalError` when its database is away."""
        try:
            await self._attempt(job)
        except SessionBusyError:
            if job.forced or job.tries < _BUSY:
                await self._later(job)
        except UnknownSessionError as error:
            _log.info("session %s cannot go on: %s", job.session, error)
        except (ConflictError, CorruptJournalError):
            # Somebody else drives it, or did: what is left to do is a job of theirs or found again.
            await self._later(job)
        except JournalError:
            raise
        except RemitError as error:
            _log.warning("session %s could not go on: %s: %s", job.session, type(error).__name__, error)
            await self._later(job)

    async def _attempt(self, job: Job) -> None:
        """Do what there is to do; raise `RemitError` when it is to be tried again."""
        try:
            await self._try(job)
        except OverLimitError as error:
            # Who was parked is called as anybody is, and would not go on with what a person resumed.
            if job.forced or not error.account.startswith(_RUNS):
                raise
            await self._shared.queue.park(job.session, error.account, error.cap)
        except RemitError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever broke one session must not stop the others
            await self._broken(job, error)

    async def _try(self, job: Job) -> None:
        if self._draining:
            await self._put(job)
            return
        found = await turn(self._home, job.session, self._holds, forced=job.forced)
        if found is None or found.state.opened is None:
            return
        opened = found.state.opened
        agent = self._agents.get(opened.agent)
        if found.held:
            await self._hold(job, opened.tenant, opened.agent)
        elif not found.go:
            self._home.lives.stir(job.session)
            await self._shared.queue.sleep(job.session, found.state.seq, found.at, now_ms())
        elif agent is None:
            raise ConfigError(f"agent {opened.agent!r} is not driven here")
        else:
            _, state = await self._home.go_on(agent, job.session, found.records)
            await self._after(job, state)

    async def _after(self, job: Job, state: State) -> None:
        """Put back what is left to do."""
        due = work(state, now_ms())
        if due.now:
            # It was handed back, or something came in its last moment.
            await self._put(Job(job.session))
        elif due.at is not None:
            await self._shared.queue.sleep(job.session, state.seq, due.at, now_ms())

    async def _hold(self, job: Job, tenant: str, agent: str) -> None:
        if job.forced:
            await self._later(job)
            return
        await self._shared.queue.hold(job.session)
        if not self._holds(tenant, agent):
            # It was let go before it was held, so nobody else does it.
            await self._put(job)

    async def _put(self, job: Job, delay: float = 0.0) -> None:
        """Put one back; who has taken it is the only one that knows of it, and does so for as long as it takes."""
        while True:
            try:
                await self._shared.queue.put(
                    job.session, forced=job.forced, tries=job.tries, broke=job.broke, delay=delay
                )
            except RemitError as error:
                _log.warning("the job of session %s cannot be put back now: %s", job.session, error)
                await asyncio.sleep(self._shared.patience.beat)
            else:
                return

    async def _later(self, job: Job) -> None:
        pause = _PAUSES[min(job.tries, len(_PAUSES) - 1)]
        await self._put(replace(job, tries=job.tries + 1), delay=pause)

    async def _broken(self, job: Job, error: Exception) -> None:
        """Try one again whose own code broke, but not for ever: then it sleeps, and whoever waits for it is told."""
        broke = job.broke + 1
        if broke < _BREAKS:
            _log.error("session %s broke", job.session, exc_info=error)
            await self._later(replace(job, broke=broke))
            return
        _log.error("session %s broke %s times; it sleeps until somebody resumes it", job.session, broke, exc_info=error)
        why = f"it broke {broke} times ({type(error).__name__}; the worker's log says where): resume it once mended"
        await halt(self._home.store, job.session, why)


def shared(home: Home) -> PostgresJournal:
    """Give the database of a home; it must be in one."""
    assert isinstance(home.journal, PostgresJournal), "a fleet shares a database"
    return home.journal


def queue_of(agent: str, version: str) -> str:
    """Give the name of the queue that `remit.queue_1` gives to this version of an agent."""
    # As the database has them, which keeps no such character.
    agent, version = agent.replace("\0", ""), version.replace("\0", "")
    if len(agent.encode()) + len(version.encode()) < _PLAIN and "@" not in agent:
        return f"{agent}@{version}"
    return sha256(f"{len(agent)}@{agent}@{version}".encode()).hexdigest()[:_PLAIN]
