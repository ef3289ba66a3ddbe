"""Deaths of the process in the middle of a task: where it dies, what is left, and the next process that goes on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from random import Random
from typing import Literal, get_args

from tests.bfcl.plays import Play
from tests.bfcl.tasks import Task
from tests.bfcl.tools import KEYED, PROBED, Moment, reads

from remit import Agent, Home, Settings
from remit.core.events import EffectEnded, EffectReconciled, EffectStarted, MessageReceived, Record, RunEnded
from remit.journal import MemoryJournal
from remit.runtime import LocalWorkers, RunResult
from remit.testing.crash import Died, DyingStore

Place = Literal[
    "message lost",
    "message kept",
    "intent lost",
    "intent kept",
    "before the act",
    "after the act",
    "outcome lost",
    "between calls",
    "end lost",
    "between turns",
]
"""Of the user's message, of a call, of the next question to the model, or of a turn: what the process died at, and
whether what it was writing got to the disk."""
PLACES: tuple[Place, ...] = get_args(Place)


@dataclass(frozen=True, slots=True)
class Course:
    """At which appends, from 1, a telling without a death writes each intent, and begins and ends each turn."""

    intents: tuple[int, ...]
    turns: tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Crash:
    """A death at a place of one call or turn, both counted from 0 through the whole task."""

    place: Place
    call: int
    turn: int


@dataclass(frozen=True, slots=True)
class Left:
    """What a death left on the disk and in the world."""

    messages: int
    ended: int
    """Turns."""
    intents: int
    executed: int
    doubtful: tuple[str, ...]
    """The calls that have an intent and no outcome."""


def chosen(task: Task, place: Place) -> Crash:
    """Choose the call and the turn of a death by the id of the task."""
    lots = Random(f"{task.id} {place}")
    call, turns = lots.randrange(len(task.calls)), len(task.turns)
    if place in {"end lost", "between turns"}:
        return Crash(place, call, lots.randrange(turns))
    if place in {"message lost", "message kept"}:
        # The first message comes with the session itself, so a later one is better where there is one.
        return Crash(place, call, lots.randrange(1, turns) if turns > 1 else 0)
    last = list(accumulate(len(turn) for turn in task.turns))
    return Crash(place, call, next(turn for turn, end in enumerate(last) if call < end))


async def charted(task: Task) -> Course:
    """Tell a task without a death, to know its appends."""
    play = Play(task, PROBED)
    store = DyingStore(MemoryJournal())
    intents: list[int] = []
    turns: list[tuple[int, int]] = []

    def around(moment: Moment) -> None:
        if moment == "before":
            intents.append(store.appends)

    play.world.around = around
    home, agent = _home(store), play.agent()
    for said in task.said:
        before = store.appends
        await home.run(agent, said, session=task.id)
        turns.append((before + 1, store.appends))
    return Course(tuple(intents), tuple(turns))


@dataclass
class Mortal:
    """A play whose process dies once; the world and the disk live on."""

    play: Play
    crash: Crash
    course: Course
    disk: MemoryJournal = field(default_factory=MemoryJournal)
    left: Left | None = None

    async def through(self) -> "Mortal":
        """Go through the conversation; stop where a person would have to act."""
        task = self.play.task
        store = DyingStore(self.disk, *self._append())
        self.play.world.around = self._around
        home, agent = _home(store), self.play.agent(self._asked)
        for number, said in enumerate(task.said):
            try:
                result = await home.run(agent, said, session=task.id)
            except Died:
                store.dead = True
                self.play.world.around = lambda moment: None
                self.left = await self._look()
                home, agent = _home(DyingStore(self.disk)), self.play.agent()
                result = await self._go_on(home, agent, number)
            self.play.results.append(result)
            if result.status != "done":
                break
        self.play.records = await self.disk.read(task.id)
        return self

    async def _go_on(self, home: Home, agent: Agent, number: int) -> RunResult:
        """Do as a client does that heard nothing: say it again if it never arrived, else resume."""
        assert self.left is not None
        task = self.play.task
        if self.left.messages == number:
            return await home.run(agent, task.said[number], session=task.id)
        return await home.resume(agent, task.id)

    async def _look(self) -> Left:
        records = await self.disk.read(self.play.task.id)
        started = [record.event.call for record in records if isinstance(record.event, EffectStarted)]
        known = {record.event.outcome.call for record in records if isinstance(record.event, EffectEnded)}
        return Left(
            messages=_count(records, MessageReceived),
            ended=_count(records, RunEnded),
            intents=len(started),
            executed=len(self.play.world.done),
            doubtful=tuple(call for call in started if call not in known),
        )

    # -- how it dies -----------------------------------------------------------------------------------------------

    def _append(self) -> tuple[int, Moment]:
        first, last = self.course.turns[self.crash.turn]
        intent = self.course.intents[self.crash.call]
        places: dict[Place, tuple[int, Moment]] = {
            "message lost": (first, "before"),
            "message kept": (first, "after"),
            "intent lost": (intent, "before"),
            "intent kept": (intent, "after"),
            # Whatever is written next holds the outcome.
            "outcome lost": (intent + 1, "before"),
            "end lost": (last, "before"),
            "between turns": (last, "after"),
        }
        return places.get(self.crash.place, (0, "before"))

    def _around(self, moment: Moment) -> None:
        done = len(self.play.world.done)
        due = done == self.crash.call if moment == "before" else done == self.crash.call + 1
        if due and self.crash.place == f"{moment} the act":
            raise Died(f"{self.crash}")

    def _asked(self, turn: int, place: int) -> None:
        asked = sum(map(len, self.play.task.turns[:turn])) + place
        if self.crash.place == "between calls" and place > 0 and asked == self.crash.call + 1:
            raise Died(f"{self.crash}")

    # -- what is right ---------------------------------------------------------------------------------------------

    def misplaced(self) -> str:
        """Say if the process did not die where it should have; empty when it did."""
        left, call, turn = self.left, self.crash.call, self.crash.turn
        if left is None:
            return "it never died"
        shown: dict[Place, Callable[[], bool]] = {
            "message lost": lambda: (left.messages, left.ended) == (turn, turn),
            "message kept": lambda: (left.messages, left.ended) == (turn + 1, turn),
            "intent lost": lambda: left.intents <= call and left.executed == call,
            "intent kept": lambda: (left.intents, left.executed) == (call + 1, call),
            "before the act": lambda: (left.intents, left.executed) == (call + 1, call),
            "after the act": lambda: (left.intents, left.executed, len(left.doubtful)) == (call + 1, call + 1, 1),
            "outcome lost": lambda: (left.intents, left.executed, len(left.doubtful)) == (call + 1, call + 1, 1),
            "between calls": lambda: (left.intents, left.executed) == (call + 1, call + 1),
            "end lost": lambda: (left.messages, left.ended) == (turn + 1, turn),
            "between turns": lambda: (left.messages, left.ended, left.doubtful) == (turn + 1, turn + 1, ()),
        }
        return "" if shown[self.crash.place]() else f"{self.crash} left {left}"

    def problems(self) -> list[str]:
        """Say what the death changed; empty when nothing is lost, done twice or guessed."""
        left, world = self.left, self.play.world
        found = [*self.play.problems(), *filter(None, [self.misplaced()])]
        if left is None:
            return found
        doubt = self.doubt()
        settled = [record.event.happened for record in self.play.records if isinstance(record.event, EffectReconciled)]
        truly = [doubt[1]] if doubt and not doubt[0] and self.play.care == PROBED else []
        again = 1 if doubt and doubt[0] and doubt[1] else 0
        laws = {
            f"the probe said {settled}, the truth is {truly}": settled == truly,
            f"{len(world.done)} executions": len(world.done) == len(self.play.task.calls) + again,
            f"{len(left.doubtful)} calls in doubt": len(left.doubtful) <= 1,
        }
        return [*found, *(problem for problem, holds in laws.items() if not holds)]

    def doubt(self) -> tuple[bool, bool] | None:
        """Say of the call that was under way whether it reads and whether it had been executed; `None` for no call."""
        left, task = self.left, self.play.task
        if left is None or not left.doubtful:
            return None
        known = {document.name: document for document in task.documents()}
        return reads(known[task.calls[left.intents - 1].tool]), left.executed == left.intents

    def kind(self) -> str:
        """Name how the call under way was taken up: `no call`, `read`, `probed` or `keyed`, and what had happened."""
        doubt = self.doubt()
        if doubt is None:
            return "no call"
        how = "read" if doubt[0] else "keyed" if self.play.care == KEYED else "probed"
        return f"{how}, {'executed' if doubt[1] else 'not executed'}"


def _home(store: DyingStore) -> Home:
    return Home(store, LocalWorkers(), bytes(32), Settings())


def _count(records: Sequence[Record], kind: type[MessageReceived | RunEnded]) -> int:
    return sum(isinstance(record.event, kind) for record in records)
