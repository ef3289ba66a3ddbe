"""The costs that the pages of `docs/strategies/` tell are those of the code."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain, count, repeat

import pytest

from remit import Agent, Home, Limits, RejectedError, shape, tool
from remit.core.messages import UserMessage
from remit.core.moves import StrategyMaker
from remit.core.ports import Reply, Request
from remit.core.values import JsonValue
from remit.memory import MemoryLessons, lesson_tools
from remit.strategies import (
    Bounds,
    Finding,
    Route,
    code,
    debate,
    pipeline,
    planning,
    prompt,
    react,
    reflect,
    reflexion,
    router,
    self_consistency,
    shaped,
    tree_of_thoughts,
)
from remit.testing import ScriptedModel, calls, says, use

Says = Callable[[Request], Reply]


@tool(effect="read")
async def look(at: int) -> str:
    """Look at something."""
    if at < 0:
        raise RejectedError("there is nothing")
    return "seen"


@dataclass(frozen=True)
class Case:
    """A strategy, what its model says, and how many calls that takes."""

    strategy: StrategyMaker
    says: Says | Iterable[Reply]
    asked: int
    lessons: bool = False
    status: str = "done"


def last(request: Request) -> str:
    """Give what the model was told last."""
    message = request.messages[-1]
    assert isinstance(message, UserMessage)
    return message.text


def never_content(request: Request) -> Reply:
    """Find a fault in everything."""
    judging = "Judge an answer" in last(request)
    return says('{"findings": [{"text": "no", "weight": 1}]}' if judging else "well")


def content(request: Request) -> Reply:
    """Find no fault."""
    return says('{"findings": []}' if "Judge an answer" in last(request) else "well")


def at_last(fault: int) -> Iterable[Reply]:
    """Find a fault in so many answers, with a lesson after each, and none in the next."""
    bad = [says("well"), says('{"findings": [{"text": "no"}]}'), says("Be better.")]
    return [*bad * fault, says("well"), says('{"findings": []}')]


def thinks(request: Request) -> Reply:
    """Propose three thoughts, and value all alike."""
    say = last(request)
    if "Propose what could come next" in say:
        return says('{"thoughts": ["a", "b", "c", "d", "e", "f"]}')
    return says('{"value": "likely"}' if "How good a way" in say else "well")


def differs(request: Request) -> Reply:
    """Answer otherwise each time; take the second answer as a judge."""
    if '"choice": ' in last(request):
        return says('{"choice": 2}')
    return says(f"answer {request.sample} {'x' * len(request.messages)}")


def unsure(request: Request) -> Reply:
    """Answer otherwise each time, and in words that cannot be used as a judge."""
    return says("hm") if '"choice": ' in last(request) else differs(request)


def wrong(output: JsonValue) -> list[Finding]:
    return [Finding("no")]


def right(output: JsonValue) -> list[Finding]:
    return []


def plan(name: str, at: int, tool: str = "look") -> Reply:
    """Write a plan of one step."""
    return says(f'{{"steps": [{{"id": "{name}", "tool": "{tool}", "args": {{"at": {at}}}}}]}}')


def worst_plans() -> Iterable[Reply]:
    """Make each plan as dear as can be: unreadable twice, then wrong, unreadable twice, then right; the last works."""
    for name, at in (("a", -1), ("b", -1), ("c", 1)):
        yield from (says("x"), says("x"), plan(name, at, "gaze"), says("x"), says("x"), plan(name, at))
    yield from (says("x"), says("x"), says("1"))


def program(source: str) -> Reply:
    """Write a program."""
    return says(f"```python\n{source}\n```")


ROUNDS = [calls(use("look", at=1), use("look", at=2)) for _ in range(7)]
CASES: Mapping[str, Case] = {
    "react: n + 1": Case(react, [*ROUNDS, says("done")], 8),
    "react: 25 rounds in 50 steps": Case(react, repeat(ROUNDS[0]), 25, status="stopped"),
    "shaped: two repairs": Case(shaped(shape(int)), [*ROUNDS, says("x"), says("x"), says("1")], 10),
    "pipeline: one a prompt": Case(pipeline(a=prompt("A"), b=prompt("B {a}")), repeat(says("x")), 2),
    "pipeline: two repairs of a shape": Case(
        pipeline(a=prompt("A", shape=shape(int))), [says("x"), says("x"), says("1")], 3
    ),
    "plan: 2": Case(planning(), [plan("a", 1), says("done")], 2),
    "plan: one a replan": Case(planning(), [plan("a", -1), plan("b", 1), says("done")], 3),
    "plan: one put right": Case(planning(), [plan("a", 1, "gaze"), plan("a", 1), says("done")], 3),
    "plan: 19 at most": Case(planning(), worst_plans(), 19),
    "plan: 21 with a shape": Case(planning(shape=shape(int)), worst_plans(), 21),
    "code: 1": Case(code(), [program("[look(at=at) for at in range(9)]")], 1),
    "code: 1 and the repairs": Case(code(), [says("x y"), program("look(at=-1)"), program("look(at=1)")], 3),
    "code: 4": Case(code(), repeat(program("look(at=-1)")), 4, status="failed"),
    "reflect: 2": Case(reflect(), content, 2),
    "reflect: 8": Case(reflect(), never_content, 8),
    "reflect: 1 with code": Case(reflect(check=right), content, 1),
    "reflect: 4 with code": Case(reflect(check=wrong), content, 4),
    "reflect: a critic asked again": Case(reflect(), [says("x"), says("x"), says("x"), says('{"findings": []}')], 4),
    "reflexion: 2": Case(reflexion(), content, 2),
    "reflexion: 8": Case(reflexion(), never_content, 8),
    "reflexion: 9 with lessons": Case(reflexion(), never_content, 9, lessons=True),
    "reflexion: a(D + C) + a - 1": Case(reflexion(), at_last(1), 2 * 2 + 1),
    "reflexion: 1 with code": Case(reflexion(check=right), content, 1),
    "reflexion: 5 with code": Case(reflexion(check=wrong), content, 5),
    "reflexion: 6 with code and lessons": Case(reflexion(check=wrong), content, 6, lessons=True),
    "tree: 2 + t + (d - 1)b(1 + t)": Case(
        tree_of_thoughts(bounds=Bounds(breadth=2, depth=3, thoughts=3)), thinks, 2 + 3 + 2 * 2 * 4
    ),
    "tree: 43 when 43 are allowed": Case(tree_of_thoughts(bounds=Bounds(calls=43)), thinks, 43),
    "tree: 40 unless told otherwise": Case(tree_of_thoughts(), thinks, 40),
    "samples: half of 5 agree": Case(self_consistency(), repeat(says("x")), 3),
    "samples: half of 4 agree": Case(self_consistency(samples=4), repeat(says("x")), 2),
    "samples: 5 differ": Case(self_consistency(), differs, 5),
    "samples: a judge of one answer": Case(self_consistency(vote="judge"), repeat(says("x")), 5),
    "samples: a judge": Case(self_consistency(vote="judge"), differs, 6),
    "samples: a judge asked again": Case(self_consistency(vote="judge"), unsure, 8),
    "debate: 3 agree": Case(debate(), repeat(says("x")), 3),
    "debate: 10": Case(debate(), differs, 10),
    "debate: a judge asked again": Case(debate(), unsure, 12),
    "router: 1 and the route": Case(router({"a": Route(react, "all")}), [says('{"route": "a"}'), says("x")], 2),
    "router: asked again": Case(router({"a": Route(react, "all")}), repeat(says("x")), 4),
}


@pytest.mark.parametrize("name", CASES)
async def test_a_strategy_costs_the_calls_that_its_page_tells(name: str) -> None:
    case = CASES[name]
    model = ScriptedModel(repeat(case.says) if callable(case.says) else case.says)
    tools = [look, *(lesson_tools(MemoryLessons()) if case.lessons else ())]
    agent = Agent("a", model, tools=tools, strategy=case.strategy, detectors=(), limits=Limits(steps=50))
    async with Home.open("memory") as home:
        run = await home.run(agent, "go")
    assert (run.status, model.asked) == (case.status, case.asked), run


async def test_the_input_of_react_grows_with_the_square_of_its_rounds() -> None:
    model = ScriptedModel([*ROUNDS, says("done")], keep=True)
    async with Home.open("memory") as home:
        await home.run(Agent("a", model, tools=[look], detectors=()), "go")
    sent = [len(request.messages) for request in model.requests]
    # One message at the beginning, and a wish with two outcomes a round.
    assert sum(sent) == sum(1 + 3 * n for n in range(8)) == 8 * 1 + 7 * 8 // 2 * 3


async def test_an_attempt_of_reflexion_is_not_told_the_attempts_before_it() -> None:
    said = (f"attempt {number}" for number in count())
    model = ScriptedModel(map(says, chain(said)), keep=True)
    agent = Agent("a", model, strategy=reflexion(check=wrong))
    async with Home.open("memory") as home:
        await home.run(agent, "go")
    assert [len(request.messages) for request in model.requests] == [1, 3, 2, 4, 2]
