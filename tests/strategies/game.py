"""The game of 24: a task whose legal moves, states and solutions code knows, and a model that really plays it."""

import re
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import cache
from itertools import combinations

import msgspec

from remit.core.moves import Answer, Ask, Fork, Move, Note, Strategy
from remit.core.ports import Reply, Request
from remit.core.values import JsonValue
from remit.strategies import Problem, Thoughts
from remit.testing import says

Numbers = tuple[Fraction, ...]
_LEFT = re.compile(r"\(left: ([^)]*)\)")
_STEPS = re.compile(r"Task:\n(.*?)\n\nSteps so far:\n(.*?)\n\n", re.DOTALL)


def numbers(text: str) -> Numbers:
    """Read numbers, in order."""
    return tuple(sorted(Fraction(word) for word in text.split()))


def shown(left: Numbers) -> str:
    """Name a state: its numbers in order."""
    return " ".join(map(str, left))


def steps(left: Numbers) -> Iterator[tuple[str, Numbers]]:
    """Make every legal move."""
    for a, b in combinations(range(len(left)), 2):
        small, large = left[a], left[b]
        rest = [number for place, number in enumerate(left) if place not in {a, b}]
        results = [(f"{small} + {large}", small + large), (f"{small} * {large}", small * large)]
        results += [(f"{large} - {small}", large - small), (f"{small} - {large}", small - large)]
        results += [(f"{large} / {small}", large / small)] if small else []
        results += [(f"{small} / {large}", small / large)] if large else []
        for text, result in results:
            after = tuple(sorted([*rest, result]))
            yield f"{text} = {result} (left: {shown(after)})", after


@cache
def solvable(left: Numbers) -> bool:
    """Say whether 24 can still be made."""
    return left == (Fraction(24),) if len(left) == 1 else any(solvable(after) for _, after in steps(left))


def state(task: str, thoughts: Sequence[str]) -> Numbers:
    """Read the numbers that are left from the last step, else from the task."""
    return numbers(_LEFT.findall(thoughts[-1])[0] if thoughts else task)


def key(task: str, thoughts: Thoughts) -> str | None:
    """Name the state by its numbers, if the last step is a legal move."""
    if thoughts and thoughts[-1] not in {text for text, _ in steps(state(task, thoughts[:-1]))}:
        return None
    return shown(state(task, thoughts))


def goal(task: str, thoughts: Thoughts) -> bool:
    """Say whether 24 is all that is left."""
    return state(task, thoughts) == (Fraction(24),)


GAME = Problem(key=key, goal=goal, answer=lambda task, thoughts: list(thoughts))


def plays(question: str) -> str:
    """Answer as a model that knows the rules: it proposes legal moves, and sees a dead end only shortly before it."""
    found = _STEPS.search(question)
    if found is None:
        return "the numbers make 24"
    left = state(found[1], _LEFT.findall(found[2]) and [f"(left: {_LEFT.findall(found[2])[-1]})"])
    if '"thoughts"' in question:
        return msgspec.json.encode({"thoughts": [text for text, _ in steps(left)]}).decode()
    if solvable(left):
        return '{"value": "sure"}' if len(left) < 3 else '{"value": "likely"}'
    return '{"value": "impossible"}' if len(left) < 3 else '{"value": 4, "why": "who knows"}'


def player(request: Request) -> Reply:
    """Play through a request, as a model of a script does."""
    last = request.messages[-1]
    assert hasattr(last, "text")
    return says(plays(str(getattr(last, "text", ""))))


def follow(strategy: Strategy, say: Callable[[str], str], moves: list[Move]) -> JsonValue:
    """Drive a strategy with answers that depend only on the question; collect its moves, branches too."""
    answer: object = None
    while True:
        try:
            move = strategy.send(answer)
        except StopIteration as end:
            return end.value
        moves.append(move)
        match move:
            case Ask():
                answer = read(move, say(move.say))
            case Fork(branches):
                answer = tuple(follow(branch, say, moves) for branch in branches)
            case _:
                assert isinstance(move, Note)
                answer = None


def read(move: Ask, text: str) -> Answer:
    """Read an answer as the runtime does."""
    if move.shape is None:
        return Answer(text)
    try:
        return Answer(text, value=move.shape.read(msgspec.json.decode(text)))
    except ValueError as error:
        return Answer(text, problem=str(error))
