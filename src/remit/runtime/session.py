"""Session: one durable life of an agent, and the one loop that drives it. Recovery and start are the same path."""

import asyncio
import contextlib
from collections.abc import Sequence

from remit.core.agent import Agent
from remit.core.errors import (
    ConfigError,
    DivergedError,
    JournalError,
    RemitError,
    SessionBusyError,
    UnknownSessionError,
)
from remit.core.events import (
    Event,
    Flagged,
    Noted,
    Record,
    RunEnded,
    RunOpened,
    RunResumed,
    RunStatus,
    RunSuspended,
    SessionOpened,
    Tree,
)
from remit.core.messages import Outcome
from remit.core.moves import Answer, Ask, Execute, GiveUp, Note, Ran, Run, identity
from remit.core.ports import Alarm, Detector
from remit.core.state import State
from remit.core.values import JsonValue, nanos, now_ms
from remit.runtime.asking.questions import Asking, heed
from remit.runtime.attaching import Said, received
from remit.runtime.briefing import brief
from remit.runtime.effects.gateway import Gateway
from remit.runtime.effects.programs import Programs
from remit.runtime.feed import Feed
from remit.runtime.halts import Stopped, Suspended
from remit.runtime.ledger import Ledger, opening
from remit.runtime.payload import fit, legible
from remit.runtime.people import awaited, doubted, loose_ends, waiting
from remit.runtime.recorder import Recorder
from remit.runtime.replaying.due import due, same_note, skipped
from remit.runtime.result import RunResult
from remit.runtime.walk import walk
from remit.runtime.world import World

PAUSED = "paused; resume it when you like"
"""What the run of a session says that somebody paused at a terminal."""


class Session:
    """Drives a session until it is idle or waits for a person. One object drives; the journal fences any other."""

    def __init__(self, name: str, agent: Agent, world: World) -> None:
        """Prepare; use `open` for a new session and `load` for one that exists."""
        assert agent.strategy is not None
        self.id, self.agent, self.world = name, agent, world
        self._strategy = agent.strategy
        self.feed = Feed(name, world.store)
        self._detectors: list[Detector] = [make() for make in world.detectors]
        self._telling = frozenset(kind for detector in self._detectors for kind in detector.sees)
        self._recorder = Recorder(name, world.store, world.secrets, self.feed.advance, self._telling)
        self._due: dict[str, str] = {}
        self._noticed: set[tuple[str, str]] = set()
        self._pausing = ""

    @property
    def state(self) -> State:
        """What the session is now."""
        return self._recorder.state

    # -- begin -----------------------------------------------------------------------------------------------------

    @classmethod
    async def open(cls, name: str, agent: Agent, world: World, tree: Tree | None = None) -> "Session":
        """Begin a new life; raise `OverLimitError` when the tree has no room for another child."""
        session = cls(name, agent, world)
        event = opened(name, agent, world, tree)
        entries = opening(event)
        if entries:
            await session._recorder.reserve(event, entries)
        else:
            session._recorder.record(event)
        session._equip(event)
        return session

    @classmethod
    async def load(cls, name: str, agent: Agent, world: World, records: Sequence[Record]) -> "Session":
        """Take up a life from its journal; raise `SessionBusyError` when a living worker drives it."""
        session = cls(name, agent, world)
        session._recorder.load(records)
        session._noticed = {(e.kind, e.reason) for record in records if isinstance(e := record.event, Flagged)}
        event = session.state.opened
        if event is None:
            raise UnknownSessionError(f"no session {name!r} in this store; `remit sessions` lists them")
        if event.agent != agent.name:
            raise ConfigError(f"session {name!r} belongs to agent {event.agent!r}, not to {agent.name!r}")
        run = session.state.run
        if (
            run is not None
            and run.suspended is None
            and run.worker != world.workers.me
            and world.workers.alive(run.worker)
        ):
            raise SessionBusyError(f"session {name!r} is being driven by worker {run.worker}; wait for it or stop it")
        session._equip(event)
        await session._recollect(records)
        return session

    def _equip(self, event: SessionOpened) -> None:
        ledger = Ledger(self.world.tenant, event.tree)
        self._ledger = ledger
        self._asking = Asking(self.agent, self.world, self._recorder, ledger, self.feed)
        self._gateway = Gateway(self.agent, self.world, self._recorder, ledger)
        self._programs = Programs(self.world, self._recorder, self.run_calls)

    async def _recollect(self, records: Sequence[Record]) -> None:
        """Let the detectors see the current run again, and remember which recorded moves its strategy must repeat."""
        run = self.state.run
        if run is None:
            return
        first = max(place for place, record in enumerate(records) if isinstance(record.event, RunOpened))
        for record in records[first:]:
            if type(record.event) in self._telling:
                await self._show(record.event)
        self._due = due(self.state)

    # -- people ----------------------------------------------------------------------------------------------------

    async def send(self, said: Said, *, by: str = "user", key: str = "", trace: str = "") -> bool:
        """Give the agent a message; durable when this returns. False when the same key was received before.

        What comes of it goes on with the trace of the W3C `traceparent` given.
        """
        self._refuse_closed()
        if key and key in self.state.keys:
            return False
        self._recorder.record(await received(said, self.world.store, by=by, key=key, trace=trace))
        await self._recorder.flush()
        return True

    async def hear(self, said: Said, *, by: str = "user", trace: str = "") -> None:
        """Give the agent a message that becomes durable with the first thing it leads to."""
        self._refuse_closed()
        self._recorder.record(await received(said, self.world.store, by=by, trace=trace))

    def _refuse_closed(self) -> None:
        if self.state.closed is not None:
            raise JournalError(f"session {self.id!r} is closed; open a new one")

    def pause(self, why: str = PAUSED) -> None:
        """Stop after the step under way and say why; the run can be resumed. Who paused first is believed."""
        self._pausing = self._pausing or why

    # -- the loop --------------------------------------------------------------------------------------------------

    async def run(self) -> RunResult:
        """Drive until there is nothing to do or a person must act."""
        result = self._standing()
        while self.state.closed is None and (self.state.run is not None or self.state.inbox):
            try:
                await self._begin()
                result = await self._drive()
            except (Exception, asyncio.CancelledError):
                # Whatever broke, what is known must not be lost with it.
                with contextlib.suppress(RemitError):
                    await self._recorder.flush()
                raise
            if result.status == "waiting" and not answered(self.state):
                break
        return result

    def _standing(self) -> RunResult:
        last = self.state.last
        if last is None:
            return RunResult(self.id, 0, "idle")
        return RunResult(self.id, last.run, last.status, last.output, last.reason, last.spent)

    async def _begin(self) -> None:
        run = self.state.run
        worker = self.world.workers.me
        drift = drifted(self.state, self.world)
        if drift:
            self._notice("drift", f"the contract changed since this session was opened: {', '.join(drift)}")
        for name, why in self.world.withheld.items():
            self._notice("withheld", f"{name}: {why}")
        if run is None:
            event = RunOpened(self.state.runs + 1, identity(self._strategy), worker, now_ms())
            await self._count(event)
        elif run.suspended is not None:
            await self._count(RunResumed(worker, now_ms()))
        else:
            # Whoever drove it before is fenced by this event, should they still be there.
            await self._recorder.reserve(RunResumed(worker, now_ms()))

    def _notice(self, what: str, reason: str) -> None:
        """Flag what a person should know of the tools, once: a session may be taken up a hundred times."""
        if (what, reason) not in self._noticed:
            kept = self._recorder.record(Flagged(what, "notice", reason))
            self._noticed |= {(what, reason), (what, kept.reason)}

    async def _count(self, event: RunOpened | RunResumed) -> None:
        # What people write to a session may yet come before this event and change the task; nobody knows a new one.
        if self.world.tenant.sessions is None and self._recorder.tail == 0:
            self._recorder.record(event, self._ledger.begin())
        else:
            await self._recorder.reserve(event, self._ledger.begin())

    async def _drive(self) -> RunResult:
        run = self.state.run
        assert run is not None
        number = run.number
        try:
            self._same_strategy(run.strategy)
            output = await walk(self._strategy(brief(run.task, self.world)), self)
            self._finish_due()
        except Suspended as halt:
            return await self._suspend(number, halt)
        except Stopped as halt:
            return await self._end(number, halt.status, None, halt.reason)
        except GiveUp as halt:
            return await self._end(number, "failed", halt.output, halt.reason)
        except DivergedError as error:
            return await self._end(number, "diverged", None, str(error))
        return await self._end(number, "done", output, "")

    def _same_strategy(self, recorded: str) -> None:
        if recorded != identity(self._strategy):
            raise DivergedError("0", f"a run of {recorded}", identity(self._strategy))

    def _finish_due(self) -> None:
        if self._due:
            path, recorded = next(iter(self._due.items()))
            raise DivergedError(path, recorded, "its end")

    async def _suspend(self, number: int, halt: Suspended) -> RunResult:
        asleep = self._recorder.record(RunSuspended(halt.why, now_ms(), legible(halt.question)), self._ledger.end())
        await self._recorder.flush()
        self._pausing = ""
        self._due = due(self.state)
        spent = self.state.run.spent if self.state.run else 0
        return RunResult(self.id, number, "waiting", None, asleep.question, spent)

    async def _end(self, number: int, status: RunStatus, output: JsonValue, reason: str) -> RunResult:
        for flag in loose_ends(self.state):
            self._recorder.record(flag)
        self._recorder.record(RunEnded(number, status, fit(output), legible(reason)), self._ledger.end())
        await self._recorder.flush()
        self._due = {}
        last = self.state.last
        assert last is not None
        return RunResult(self.id, number, status, last.output, last.reason, last.spent)

    # -- doors -----------------------------------------------------------------------------------------------------

    async def ask(self, path: str, move: Ask) -> Answer:
        """See `Doors.ask`."""
        self._heed()
        self._meet(path, "a question to a model")
        answer = await self._asking.ask(path, move)
        if self._telling:
            await self._watch()
        return answer

    async def run_calls(self, path: str, move: Run) -> tuple[Outcome, ...]:
        """See `Doors.run_calls`."""
        self._heed()
        effects = self.state.run.effects if self.state.run else {}
        if any(call.id in effects and effects[call.id].status != "wanted" for call in move.calls):
            self._due.pop(path, None)
        elif move.calls:
            self._meet(path, f"a call of {move.calls[0].tool}")
        outcomes = await self._gateway.run(path, move)
        if self._telling:
            await self._watch()
        return outcomes

    async def execute(self, path: str, move: Execute) -> Ran:
        """See `Doors.execute`."""
        self._heed()
        self._meet(path, "a program")
        ran = await self._programs.execute(path, move)
        for made in [other for other in self._due if other.startswith(f"{path}.")]:
            # It went on from where it was kept, or had ended: it makes none of its calls again.
            del self._due[made]
        return ran

    def note(self, path: str, move: Note) -> None:
        """See `Doors.note`."""
        self._meet(path, f"a {move.kind} note")
        run = self.state.run
        assert run is not None
        step = run.steps.get(path)
        if step is None:
            self._recorder.record(Noted(path, move.kind, fit(move.body)))
        else:
            same_note(path, step, move)

    def _meet(self, path: str, what: str) -> None:
        """Cross a recorded move off; raise `DivergedError` for one that is new where others were recorded after it."""
        if self._due and self._due.pop(path, None) is None:
            later = skipped(path, self._due)
            if later:
                raise DivergedError(path, f"what led to {self._due[later]} at step {later}", what)

    def _heed(self) -> None:
        """Stop where a person wants it."""
        heed(self.state)
        if self._pausing:
            raise Suspended("paused", self._pausing)

    async def _watch(self) -> None:
        """Let the detectors see what is new, and write down what they say."""
        for event in self._recorder.unseen():
            for alarm in await self._show(event):
                self._recorder.record(Flagged(alarm.kind, alarm.level, alarm.reason))
                if alarm.level == "pause":
                    raise Suspended("alarm", alarm.reason)

    async def _show(self, event: Event) -> Sequence[Alarm]:
        """Show an event to the detectors that want it; one that breaks alarms instead of ending the run."""
        alarms: list[Alarm] = []
        for detector in self._detectors:
            if type(event) not in detector.sees:
                continue
            try:
                alarm = await detector.see(event, self.state)
            except Exception as error:  # noqa: BLE001 - a detector may ask a stranger's embedder
                name = type(detector).__name__
                alarm = Alarm("detector", "notice", f"{name} failed: {type(error).__name__}: {error}")
            if alarm is not None:
                alarms.append(alarm)
        return alarms


def answered(state: State) -> bool:
    """Say whether what a run went to sleep for came before it slept, so that nobody will come to wake it."""
    run = state.run
    if run is None or run.suspended is None:
        return False
    asked = run.suspended.why in {"approval", "in_doubt", "input"}
    return run.cancelled is not None or (asked and not (waiting(state) or doubted(state) or awaited(state)))


def opened(name: str, agent: Agent, world: World, tree: Tree | None) -> SessionOpened:
    """Pin what the agent is made of when its session begins."""
    assert agent.strategy is not None
    return SessionOpened(
        agent=agent.name,
        version=agent.version,
        strategy=identity(agent.strategy),
        tools=world.digests,
        tenant=world.tenant.name,
        tree=tree or Tree(name, max_depth=agent.limits.depth, max_children=agent.limits.children, cap=_cap(agent)),
        limits=agent.limits,
        models={role: model.spec.name for role, model in world.models.items()},
        ref=agent.ref,
    )


def _cap(agent: Agent) -> int | None:
    return None if agent.limits.tree_usd is None else nanos(agent.limits.tree_usd)


def drifted(state: State, world: World) -> tuple[str, ...]:
    """Name the tools whose contract is not the one the session was opened with."""
    if state.opened is None:
        return ()
    pinned, now = state.opened.tools, world.digests
    if pinned == now:
        return ()
    return tuple(sorted(name for name in pinned.keys() | now.keys() if pinned.get(name) != now.get(name)))
