"""Tree of thoughts: propose several next thoughts, value where they lead, follow the best, go back when they fail.

Source: Yao et al., 2023, arXiv:2305.10601.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Literal, cast

from remit.core.moves import Ask, Brief, Door, GiveUp, Strategy, StrategyMaker, altered, ask, fork, note, versioned
from remit.core.shape import Shape
from remit.core.values import JsonObject, JsonValue
from remit.strategies.doors import ask_alone, attempt
from remit.strategies.prompts import Prompts, load
from remit.strategies.react import as_json
from remit.strategies.thoughts import (
    PROPOSALS,
    RATING,
    Beam,
    Bounds,
    Frontier,
    Node,
    Problem,
    Proposals,
    Purse,
    Queue,
    Rating,
    Thoughts,
    Tree,
    missing,
)

PROMPTS = load("tree_of_thoughts")

Search = Literal["breadth", "best"]
"""Breadth-first keeps the best states of each level; best-first follows the best state of all and can go back."""

_FRONTIERS: Mapping[Search, Callable[[int], Frontier]] = {"breadth": Beam, "best": Queue}


def tree_of_thoughts(
    problem: Problem | None = None,
    *,
    search: Search = "breadth",
    bounds: Bounds | None = None,
    role: str = "default",
    judge: str = "judge",
    prompts: Prompts = PROMPTS,
) -> StrategyMaker:
    """Make a search through thoughts that the model of `role` proposes and that of `judge` values.

    The output is the answer drawn from the state that was found. It gives up when nothing is found within the bounds;
    the output then holds the best thoughts, their value and the calls made.
    """
    problem, bounds = problem or Problem(), bounds or Bounds()

    @versioned(prompts.edition())
    def tree_of_thoughts(brief: Brief) -> Strategy:
        tree, frontier = Tree(brief.task, problem, bounds), _FRONTIERS[search](bounds.breadth)
        purse = Purse(bounds.calls if problem.answer else bounds.calls - 1)
        oracle = _Oracle(brief.task, problem, bounds, prompts, (role, judge), purse)
        frontier.put([tree.root])
        while not tree.over(frontier.promise()):
            batch = frontier.take()
            if not batch:
                break
            frontier.put((yield from _follow(batch, tree, oracle)))
        found = tree.outcome()
        if found is None:
            raise _given_up(tree, bounds, purse.spent)
        if problem.answer is not None:
            return problem.answer(brief.task, found.thoughts)
        answer = yield from ask(prompts.text("closing", thoughts=_listed(found.thoughts)), role=role, tools=())
        return answer.text

    return tree_of_thoughts


def _follow(batch: Sequence[Node], tree: Tree, oracle: "_Oracle") -> Door[tuple[Node, ...]]:
    """Expand states: learn what may follow them and what that is worth; return what is worth following."""
    tree.proposals.update((yield from oracle.proposals(missing(batch, tree.proposals))))
    born = tree.grow(batch)
    if not tree.meets_goal(born):
        tree.values.update((yield from oracle.values(missing(born, tree.values))))
    valued = tree.appraise(born)
    seen = {node.number: node for node in (*born, *valued)}.values()
    for parent in batch:
        if parent.key in tree.proposals:
            yield from note("thought", _drawn(parent, [node for node in seen if node.parent == parent.number], tree))
    return tree.open(valued)


@dataclass(frozen=True, slots=True)
class _Oracle:
    """Knows what may follow a state and what it is worth: from code where there is some, else from a model."""

    task: str
    problem: Problem
    bounds: Bounds
    prompts: Prompts
    roles: tuple[str, str]
    """Who proposes and who values."""
    purse: Purse

    def proposals(self, nodes: Sequence[Node]) -> Door[dict[str, Proposals]]:
        """Say what may follow states, each one new; those for which no call is left are missing."""
        propose = self.problem.propose
        if propose is not None:
            return {node.key: Proposals(tuple(propose(self.task, node.thoughts))) for node in nodes}
        says = [self._text("propose", node, most=self.bounds.thoughts) for node in nodes]
        found = yield from self._ask(PROPOSALS, says, self.roles[0])
        # What a model cannot put into words is a way that ends here, not the end of the search.
        read = [_NOTHING if value is None else cast("Proposals", PROPOSALS.read(value)) for value in found]
        return dict(zip((node.key for node in nodes), read, strict=False))

    def values(self, nodes: Sequence[Node]) -> Door[dict[str, float]]:
        """Say what states are worth, each one new; those for which no call is left are missing."""
        value = self.problem.value
        if value is not None:
            return {node.key: _worth(value(self.task, node.thoughts)) for node in nodes}
        found = yield from self._ask(RATING, [self._text("value", node) for node in nodes], self.roles[1])
        read = [0.0 if rating is None else cast("Rating", RATING.read(rating)).worth() for rating in found]
        return dict(zip((node.key for node in nodes), read, strict=False))

    def _text(self, name: str, node: Node, **values: object) -> str:
        return self.prompts.text(name, task=self.task, thoughts=_listed(node.thoughts), **values)

    def _ask(self, shape: Shape, says: Sequence[str], role: str) -> Door[list[JsonValue]]:
        """Ask as many of these questions as there are calls left for, at the same time."""
        asked, repairs = self.purse.share(len(says), self.bounds.repairs)
        if not asked:
            return []
        branches = [_counted(ask_alone(as_json(shape), say, role=role, repairs=repairs)) for say in says[:asked]]
        ends = cast("Sequence[JsonObject]", (yield from fork(branches)))
        self.purse.spend(sum(cast("int", end["calls"]) for end in ends))
        return [end["value"] for end in ends]


_NOTHING = Proposals(())


def _counted(question: Strategy) -> Strategy:
    """Follow a question to its end, good or bad, and tell how many model calls that took."""
    calls = 0

    def count(move: Ask) -> Ask:
        nonlocal calls
        calls += 1
        return move

    end = cast("JsonObject", (yield from attempt(altered(question, count))))
    return {"value": None if "failed" in end else end["output"], "calls": calls}


def _worth(value: float) -> float:
    """Take any number as a plain one; what is not a number is a dead end, for it cannot be compared."""
    return 0.0 if isnan(value) else float(value)


def _drawn(parent: Node, children: Sequence[Node], tree: Tree) -> JsonObject:
    def drawn(node: Node) -> JsonObject:
        known = node.key in tree.values or node.number == 0
        return {**node.as_json(), "value": node.value if known else None, "goal": node is tree.solved}

    return {**drawn(parent), "parent": parent.parent, "next": [drawn(child) for child in children]}


def _listed(thoughts: Thoughts) -> str:
    return "\n".join(f"{number}. {thought}" for number, thought in enumerate(thoughts, 1)) or "(none)"


def _given_up(tree: Tree, bounds: Bounds, calls: int) -> GiveUp:
    best = tree.best
    output: JsonObject = {"thoughts": list(best.thoughts) if best else [], "value": best.value if best else None}
    reason = f"no solution was found in {calls} of {bounds.calls} model calls and {bounds.depth} levels"
    return GiveUp(reason, {**output, "calls": calls})
