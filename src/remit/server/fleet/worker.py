"""Worker: drives what the queue gives it, as many sessions at once as it has room for, and hands back what it must.

It remembers nothing: a job is done when its session sleeps or ends, and what a dead worker left is in the sessions.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping, Sequence
from hashlib import sha256

from remit.core.agent import Agent
from remit.core.errors import ConflictError, OverLimitError, RemitError, SessionBusyError
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
_TRIES = 5
"""How often a session that breaks is tried: each time may pay for a question; then it sleeps until it is resumed."""
_CUT = 5.0
"""Seconds that steps have to end once they are cut off."""
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
        for task in self._tasks:
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
        while True:
            await asyncio.sleep(self._shared.patience.beat)
            try:
                await self._shared.queue.tend()
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
        if self._letting is None or self._letting.done():
            self._letting = asyncio.create_task(self._let_go())

    async def _let_go(self) -> None:
        with contextlib.suppress(RemitError):
            await self._shared.queue.let_go()

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
            await self._try(job)
        except SessionBusyError:
            await self._later(job)
        except OverLimitError as error:
            if error.account.startswith(_RUNS):
                await self._shared.queue.park(job.session, error.account, error.cap)
            else:
                await self._later(job)
        except ConflictError:
            # Somebody else drives it, or did: what is left to do is a job of theirs or found again.
            await self._later(job)
        except RemitError as error:
            _log.warning("session %s could not go on: %s: %s", job.session, type(error).__name__, error)
            await self._later(job)
        except Exception as error:  # noqa: BLE001 - whatever broke one session must not stop the others
            await self._broken(job, error)
        finally:
            self._working.discard(task)

    async def _try(self, job: Job) -> None:
        if self._draining:
            await self._put(job)
            return
        found = await turn(self._home, job.session, self._holds, forced=job.forced)
        if found is None or found.state.opened is None:
            return
        agent = self._agents.get(found.state.opened.agent)
        if found.held:
            await self._hold(job)
        elif not found.go or agent is None:
            self._home.lives.stir(job.session)
            await self._shared.queue.sleep(job.session, found.state.seq, found.at)
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
            await self._shared.queue.sleep(job.session, state.seq, due.at)

    async def _hold(self, job: Job) -> None:
        if job.forced:
            await self._later(job)
        else:
            await self._shared.queue.hold(job.session)

    async def _put(self, job: Job, delay: float = 0.0) -> None:
        await self._shared.queue.put(job.session, forced=job.forced, tries=job.tries, delay=delay)

    async def _later(self, job: Job) -> None:
        pause = _PAUSES[min(job.tries, len(_PAUSES) - 1)]
        await self._put(Job(job.session, job.forced, job.tries + 1), delay=pause)

    async def _broken(self, job: Job, error: Exception) -> None:
        """Try one again whose own code broke, but not for ever: then it sleeps, and whoever waits for it is told."""
        tries = job.tries + 1
        if tries < _TRIES:
            _log.error("session %s broke", job.session, exc_info=error)
            await self._later(job)
            return
        _log.error("session %s broke %s times; it sleeps until somebody resumes it", job.session, tries, exc_info=error)
        why = f"it broke {tries} times ({type(error).__name__}; the worker's log says where): resume it once mended"
        await halt(self._home.store, job.session, why)


def shared(home: Home) -> PostgresJournal:
    """Give the database of a home; it must be in one."""
    assert isinstance(home.journal, PostgresJournal), "a fleet shares a database"
    return home.journal


def queue_of(agent: str, version: str) -> str:
    """Give the name of the queue that `remit.queue_1` gives to this version of an agent."""
    plain = f"{agent}@{version}"
    # As many characters as the column of the queue's name has room for.
    return plain if len(agent) + len(version) < 120 else sha256(plain.encode()).hexdigest()
