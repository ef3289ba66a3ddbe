"""Thoughts: the pure part of a search: what is known of each state, and which states come next.

A state is known by its key, and whatever was paid to know is kept under it: proposals and values are never asked for
twice. All of it is rebuilt from the recorded answers when a strategy is followed again, so a crash and a fork of the
session keep it too.
"""

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Annotated, Literal, Protocol

import msgspec

from remit.core.errors import ConfigError
from remit.core.shape import shape
from remit.core.values import JsonObject, JsonValue

Thoughts = tuple[str, ...]
"""The thoughts that lead to a state, in order; `()` for the beginning."""


def by_words(task: str, thoughts: Thoughts) -> str:
    """Tell states apart by their thoughts, whatever the letter case and the spaces."""
    return "\n".join(" ".join(thought.casefold().split()) for thought in thoughts)


@dataclass(frozen=True, slots=True)
class Problem:
    """What a search must know of its task: pure functions of the task and the thoughts that lead to a state."""

    propose: Callable[[str, Thoughts], Sequence[str]] | None = None
    """The thoughts that may come next, best first; `None` to ask a model."""
    value: Callable[[str, Thoughts], float] | None = None
    """How promising a state is, higher is better, 0 or less for a dead end; `None` to ask a model, for 0 to 1."""
    goal: Callable[[str, Thoughts], bool] | None = None
    """Whether a state, other than the beginning, solves the task; `None` when only its value can tell: the best state
    found is then taken."""
    key: Callable[[str, Thoughts], str | None] = by_words
    """The canonical name of a state: two ways to one state are one. `None` for a state that is not allowed."""
    answer: Callable[[str, Thoughts], JsonValue] | None = None
    """The output, from the thoughts of the state found; `None` to ask a model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """How far a search may go."""

    breadth: int = 3
    """States of a level that are followed (breadth-first), or that are followed at the same time (best-first)."""
    depth: int = 3
    """Thoughts from the beginning to a solution, at most."""
    thoughts: int = 5
    """Thoughts that may follow a state, at most."""
    calls: int = 40
    """Model calls in all, with repairs and the closing answer."""
    repairs: int = 1
    """Times one question may be asked again when its answer cannot be used."""
    states: int = 1000
    """States that may be looked at, which matters when code proposes and values them."""

    def __post_init__(self) -> None:
        """Refuse bounds within which nothing can be found."""
        for field in fields(self):
            least = 0 if field.name == "repairs" else 1
            if getattr(self, field.name) < least:
                raise ConfigError(f"the bound {field.name!r} must be at least {least}, not {getattr(self, field.name)}")


class Proposals(msgspec.Struct, frozen=True):
    """What a model says may come next."""

    thoughts: tuple[str, ...]
    done: bool = False
    """Whether nothing needs to come, because the task is solved."""


class Rating(msgspec.Struct, frozen=True):
    """What a model thinks of a state."""

    value: Literal["sure", "likely", "impossible"] | Annotated[int, msgspec.Meta(ge=1, le=10)]
    why: str = ""

    def worth(self) -> float:
        """Put it on a scale from 0, a dead end, to 1."""
        match self.value:
            case "sure":
                return 1.0
            case "likely":
                return 0.5
            case "impossible":
                return 0.0
            case grade:
                return grade / 10


PROPOSALS, RATING = shape(Proposals), shape(Rating)


@dataclass(frozen=True, slots=True)
class Node:
    """A state, and the way on which it was reached."""

    number: int
    parent: int
    """The number of the node before it; -1 for the root."""
    thoughts: Thoughts
    key: str
    value: float = 0.0

    def as_json(self) -> JsonObject:
        """Give what a picture of the tree needs."""
        thought = self.thoughts[-1] if self.thoughts else ""
        return {"id": self.number, "thought": thought, "state": self.key, "value": self.value}


class Tree:
    """All that a search knows. A state is let in again only when it is reached by a shorter way than before."""

    def __init__(self, task: str, problem: Problem, bounds: Bounds) -> None:
        """Begin with the root."""
        self.proposals: dict[str, Proposals] = {}
        self.values: dict[str, float] = {}
        self.solved: Node | None = None
        self.end: Node | None = None
        """The best state that nothing needs to follow, or may."""
        self.best: Node | None = None
        self._task, self._problem, self._bounds = task, problem, bounds
        self.root = Node(0, -1, (), problem.key(task, ()) or "", 1.0)
        self._depths = {self.root.key: 0}
        self._count = 1

    def grow(self, batch: Iterable[Node]) -> tuple[Node, ...]:
        """Give the states that the proposals of a batch lead to and that are new, without their values."""
        born: list[Node] = []
        for parent in batch:
            found = self.proposals.get(parent.key)
            if found is None:
                continue
            if found.done and self._problem.goal is None:
                self._finish(parent)
            for thought in found.thoughts[: self._bounds.thoughts]:
                thoughts = (*parent.thoughts, thought)
                key = self._problem.key(self._task, thoughts)
                if key is not None and self._admit(key, len(thoughts)):
                    born.append(Node(self._count - 1, parent.number, thoughts, key))
        return tuple(born)

    def meets_goal(self, born: Iterable[Node]) -> bool:
        """Say whether one of these solves the task; `solved` is then the first that does."""
        goal = self._problem.goal
        if goal is not None:
            self.solved = next((node for node in born if goal(self._task, node.thoughts)), None)
        return self.solved is not None

    def appraise(self, born: Iterable[Node]) -> tuple[Node, ...]:
        """Give these their values, those without one left out, and remember the best."""
        valued = tuple(replace(node, value=self.values[node.key]) for node in born if node.key in self.values)
        for node in valued:
            if node.value > 0 and (self.best is None or _rank(node) < _rank(self.best)):
                self.best = node
            if node.value > 0 and len(node.thoughts) == self._bounds.depth:
                self._finish(node)
        return valued

    def open(self, valued: Iterable[Node]) -> tuple[Node, ...]:
        """Give those that are worth following further."""
        return tuple(node for node in valued if node.value > 0 and len(node.thoughts) < self._bounds.depth)

    def outcome(self) -> Node | None:
        """Give what was found: a solution, else, when no code can tell one, the best end or the best state."""
        return self.solved if self._problem.goal is not None else self.end or self.best

    def over(self, promise: float) -> bool:
        """Say whether the search can stop, when the best of the waiting states has this value."""
        settled = self._problem.goal is None and self.end is not None and self.end.value >= promise
        return self.solved is not None or settled

    def _finish(self, node: Node) -> None:
        if self.end is None or _rank(node) < _rank(self.end):
            self.end = node

    def _admit(self, key: str, depth: int) -> bool:
        known = self._depths.get(key)
        if (known is not None and known <= depth) or self._count > self._bounds.states:
            return False
        self._depths[key] = depth
        self._count += 1
        return True


class Frontier(Protocol):
    """The states that wait to be followed."""

    def put(self, nodes: Iterable[Node]) -> None:
        """Let states wait."""
        ...

    def take(self) -> tuple[Node, ...]:
        """Take the states that come next, best first; none when the search is at its end."""
        ...

    def promise(self) -> float:
        """Give the value of the best that waits; minus infinity when none does."""
        ...


class Beam:
    """Breadth-first: the best of a level are followed together, and the rest of the level is forgotten."""

    def __init__(self, breadth: int) -> None:
        """Take how many of a level are followed."""
        self._breadth, self._level = breadth, list[Node]()

    def put(self, nodes: Iterable[Node]) -> None:
        """See `Frontier.put`."""
        self._level.extend(nodes)

    def take(self) -> tuple[Node, ...]:
        """See `Frontier.take`."""
        best = sorted(self._level, key=_rank)[: self._breadth]
        self._level = []
        return tuple(best)

    def promise(self) -> float:
        """See `Frontier.promise`."""
        return max((node.value for node in self._level), default=-float("inf"))


class Queue:
    """Best-first: the best of all that wait come next, so a way that disappoints is left for an older one."""

    def __init__(self, breadth: int) -> None:
        """Take how many are followed at the same time."""
        self._breadth, self._heap = breadth, list[tuple[tuple[float, int, int], Node]]()

    def put(self, nodes: Iterable[Node]) -> None:
        """See `Frontier.put`."""
        for node in nodes:
            heapq.heappush(self._heap, (_rank(node), node))

    def take(self) -> tuple[Node, ...]:
        """See `Frontier.take`."""
        return tuple(heapq.heappop(self._heap)[1] for _ in range(min(self._breadth, len(self._heap))))

    def promise(self) -> float:
        """See `Frontier.promise`."""
        return self._heap[0][1].value if self._heap else -float("inf")


class Purse:
    """The model calls that are left."""

    def __init__(self, calls: int) -> None:
        """Take how many there are."""
        self.left = calls
        self.spent = 0

    def spend(self, calls: int) -> None:
        """Take calls that were made."""
        self.left -= calls
        self.spent += calls

    def share(self, questions: int, repairs: int) -> tuple[int, int]:
        """Say how many of these questions can be asked, and how often each may be asked again, at the very most."""
        asked = min(questions, self.left)
        return asked, min(repairs, (self.left - asked) // asked) if asked else 0


def missing(nodes: Iterable[Node], known: Mapping[str, object]) -> tuple[Node, ...]:
    """Give one node for each state of which nothing is known yet."""
    return tuple({node.key: node for node in nodes if node.key not in known}.values())


def _rank(node: Node) -> tuple[float, int, int]:
    """Order by value, then the deeper, then the older."""
    return -node.value, -len(node.thoughts), node.number
