"""Replay and fork: drive a strategy over what is recorded, touching nothing; begin anew from an old past."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from remit.core.agent import Agent
from remit.core.errors import ConfigError, DivergedError
from remit.core.events import (
    ApprovalAsked,
    EffectStarted,
    Event,
    ModelAsked,
    Record,
    RunEnded,
    RunOpened,
    RunSuspended,
    SessionOpened,
    Tree,
)
from remit.core.messages import Outcome
from remit.core.moves import Answer, Ask, Execute, GiveUp, Note, Ran, Run, identity
from remit.core.ports import Store
from remit.core.state import Effect, State
from remit.core.values import JsonValue, now_ms
from remit.runtime.asking.questions import recalled
from remit.runtime.briefing import brief
from remit.runtime.effects.programs import ran, same_program
from remit.runtime.halts import Halt
from remit.runtime.ledger import opening
from remit.runtime.payload import fit
from remit.runtime.replaying.due import due, same_call, same_note, written
from remit.runtime.walk import walk
from remit.runtime.world import Redactor, World


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay of one run found."""

    run: int
    moves: int
    """How many recorded moves the strategy repeated."""
    divergence: str = ""
    """Empty when it repeated all of them and came to the same end."""


class _Frontier(Exception):  # noqa: N818 - the end of what is known, not an error
    """The journal knows no answer to this move."""


class _Recorded:
    """Answers moves from a state, and from nothing else."""

    def __init__(self, state: State, secrets: Redactor) -> None:
        self._state, self._run, self._secrets = state, state.run, secrets
        self.due = due(state)
        self.moves = 0

    def _met(self, path: str) -> None:
        self.moves += 1
        self.due.pop(path, None)

    async def ask(self, path: str, move: Ask) -> Answer:
        assert self._run is not None
        step = self._run.steps.get(path)
        if step is None:
            if path in self.due:
                raise DivergedError(path, self.due[path], "a question to a model")
            raise _Frontier(f"step {path}: a question to a model")
        self._met(path)
        answer = recalled(path, step, move)
        if answer is None:
            raise _Frontier(f"step {path}: an answer")
        return answer

    async def run_calls(self, path: str, move: Run) -> tuple[Outcome, ...]:
        assert self._run is not None
        place = path.replace(".", "_")
        outcomes: list[Outcome] = []
        for number, call in enumerate(move.calls):
            name = call.id or f"c{self._run.number}_{place}_{number}"
            effect = self._run.effects.get(name)
            if effect is None:
                if path in self.due:
                    raise DivergedError(path, self.due[path], f"a call of {call.tool}")
                raise _Frontier(f"step {path}: a call of {call.tool}")
            call = call if call.id else written(call, self._secrets)  # noqa: PLW2901
            if not same_call(effect.call, call, changed=name in self._run.redacted):
                raise DivergedError(path, f"{effect.call.tool}({effect.call.args})", f"{call.tool}({call.args})")
            if effect.outcome is None:
                self.due.pop(path, None)
                raise _Frontier(f"step {path}: the outcome of {call.tool}")
            outcomes.append(effect.outcome)
        self._met(path)
        return tuple(outcomes)

    async def execute(self, path: str, move: Execute) -> Ran:
        assert self._run is not None
        step = self._run.steps.get(path)
        if step is None:
            if path in self.due:
                raise DivergedError(path, self.due[path], "a program")
            raise _Frontier(f"step {path}: a program")
        same_program(path, step, move)
        self._met(path)
        for made in [other for other in self.due if other.startswith(f"{path}.")]:
            del self.due[made]
        if step.ran is None:
            raise _Frontier(f"step {path}: the end of a program")
        return ran(self._state, path)

    def note(self, path: str, move: Note) -> None:
        assert self._run is not None
        step = self._run.steps.get(path)
        if step is None:
            if path in self.due:
                raise DivergedError(path, self.due[path], f"a {move.kind} note")
            raise _Frontier(f"step {path}: a {move.kind} note")
        same_note(path, step, move)
        self._met(path)


async def replay(records: Sequence[Record], agent: Agent, world: World) -> tuple[Replayed, ...]:
    """Drive the agent's strategy over every recorded run; touch nothing. One finding a run, in order."""
    state, found = State(), list[Replayed]()
    for record in records:
        if isinstance(record.event, RunEnded):
            found.append(await _replay_run(state, record.event, agent, world))
        state.apply(record.event)
    if state.run is not None:
        found.append(await _replay_run(state, None, agent, world))
    return tuple(found)


async def _replay_run(state: State, ended: RunEnded | None, agent: Agent, world: World) -> Replayed:
    assert agent.strategy is not None
    assert state.run is not None
    doors = _Recorded(state, world.secrets)
    problem, output = "", None
    finished = False
    try:
        output = await walk(agent.strategy(brief(state.run.task, world)), doors)
        finished = True
    except GiveUp as halt:
        output, finished = halt.output, True
    except (_Frontier, Halt) as reached:
        # A run that was stopped or still goes on ends where the journal does, and so may its strategy.
        if ended is not None and ended.status in {"done", "failed"} and isinstance(reached, _Frontier):
            problem = f"the run ended, but the strategy now wants more: {reached}"
    except DivergedError as error:
        problem = str(error)
    if not problem and doors.due:
        path, recorded = next(iter(doors.due.items()))
        problem = f"diverged at step {path}: the journal holds {recorded}; the strategy now never gets there"
    if not problem and finished:
        problem = _compare(ended, output)
    if problem and state.run.strategy != identity(agent.strategy):
        problem += f" (recorded by {state.run.strategy}, replayed by {identity(agent.strategy)})"
    return Replayed(state.run.number, doors.moves, problem)


def _compare(ended: RunEnded | None, output: JsonValue) -> str:
    if ended is None:
        return "the run goes on in the journal, but the strategy now ends"
    if ended.status in {"done", "failed"} and ended.output != fit(output):
        return f"the output was {ended.output!r} and is now {output!r}"
    return ""


async def fork(
    store: Store, source: str, name: str, *, at: int | None = None, tree: Tree | None = None, by: str = ""
) -> int:
    """Begin a new session with an old one's events up to `at` (all, when `None`); give how many were taken.

    `tree` is where the new session stands when whoever forks is inside a remit. `by` is who asks for it, so that what
    comes of it counts as asked by them too.
    A place inside an effect or a model call moves back to before it: a fork must not inherit an act without its end.
    """
    records = await store.read(source)
    if not records:
        raise ConfigError(f"no session {source!r} to fork from")
    end = len(records) if at is None else at
    if not 1 <= end <= len(records):
        raise ConfigError(f"session {source!r} has events 1 to {len(records)}; cannot fork at {at}")
    events = [record.event for record in records[: boundary([record.event for record in records], end)]]
    first = events[0]
    assert isinstance(first, SessionOpened)
    taken = len(events)
    if tree is None:
        # A fork of a root is a root; a fork of a child stays inside its tree and counts there.
        tree = first.tree if first.tree.depth else msgspec.structs.replace(first.tree, root=name)
    if by:
        tree = msgspec.structs.replace(tree, by=tuple(dict.fromkeys((*tree.by, by))))
    events[0] = msgspec.structs.replace(first, forked=f"{source}@{taken}", tree=tree)
    run = State.fold(events).run
    if run is not None and run.suspended is None:
        # Nobody drives the fork yet, whoever drives its source.
        events.append(RunSuspended("paused", now_ms(), f"forked from {source} here"))
    await store.append(name, events, after=0, entries=opening(events[0]))
    return taken


def boundary(events: Sequence[Event], end: int) -> int:
    """Find the last place up to `end` at which no model call and no effect is under way."""
    state, safe = State(), 1
    for place, event in enumerate(events[:end], 1):
        state.apply(event)
        if isinstance(event, ModelAsked | EffectStarted | ApprovalAsked | RunOpened) or _open(state):
            continue
        safe = place
    return safe


def _open(state: State) -> bool:
    run = state.run
    if run is None:
        return False
    asking = any(step.asked and not step.answered and not step.failed for step in run.steps.values())
    return asking or any(_inherits(effect) for effect in run.effects.values())


def _inherits(effect: Effect) -> bool:
    """Say whether a call is under way, or would be made with what a person allowed or said for another one."""
    if effect.status in {"started", "in_doubt", "reconciled"}:
        return True
    # An approval and an answer are for one call: a fork must not make it again with the same.
    decided = effect.given is not None or effect.got is not None or bool(effect.yes)
    return effect.status in {"asked", "input"} and decided
