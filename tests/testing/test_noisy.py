"""Noisy models: right as often as they are told to be, and the same again every time."""

import ast
import asyncio
from collections.abc import Sequence
from random import Random

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit import Agent, Home
from remit.core.errors import ConfigError
from remit.core.messages import AssistantMessage, Message, Outcome, ToolMessage, UserMessage
from remit.core.moves import StrategyMaker
from remit.core.ports import Delta, Request
from remit.core.shape import shape
from remit.core.values import JsonValue
from remit.home import MEMORY
from remit.strategies import Bounds, Finding, Problem, reflect, reflexion, self_consistency, tree_of_thoughts
from remit.strategies.thoughts import Thoughts
from remit.testing import Grader, NoisyModel, check_model, mutated_program

RIGHT = "def double(n):\n    return n * 2"
ASKED = UserMessage("Double a number.")


def the_last(task: str, thoughts: Thoughts) -> JsonValue:
    """Every thought is a whole answer."""
    return thoughts[-1]


class Verdict(msgspec.Struct):
    """What a judge fills in."""

    problems: list[str]
    score: int


def quiet(delta: Delta) -> None:
    """Let the text go by."""


def right(request: Request) -> str:
    return RIGHT


def noisy(probability: float, *, seed: int = 0, habit: float = 0.0) -> NoisyModel:
    return NoisyModel(right=right, probability=probability, seed=seed, habit=habit)


async def said(model: NoisyModel, *messages: Message, role: str = "default", sample: int = 0) -> str:
    return (await model.complete(Request(messages, role=role, sample=sample), quiet)).text


async def many(model: NoisyModel, times: int = 400) -> list[str]:
    return [await said(model, ASKED, sample=number) for number in range(times)]


def share(answers: Sequence[str], answer: str = RIGHT) -> float:
    return answers.count(answer) / len(answers)


async def test_a_noisy_model_conforms() -> None:
    await check_model(noisy(0.5))
    assert noisy(0.5).spec.name == "noisy"


async def test_it_is_right_as_often_as_it_is_told_to_be() -> None:
    assert share(await many(noisy(1.0))) == 1.0
    assert share(await many(noisy(0.0))) == 0.0
    assert 0.4 < share(await many(noisy(0.48))) < 0.56


async def test_a_wrong_answer_is_a_program_that_is_not_the_right_one() -> None:
    wrong = set(await many(noisy(0.0)))
    assert len(wrong) > 3
    assert all(ast.dump(ast.parse(program)) != ast.dump(ast.parse(RIGHT)) for program in wrong)


@given(st.integers(0, 1000), st.permutations(range(12)))
def test_answers_hang_on_the_question_and_not_on_what_runs_beside_it(seed: int, order: list[int]) -> None:
    async def answers(model: NoisyModel, order: Sequence[int]) -> dict[int, str]:
        texts = await asyncio.gather(*(said(model, ASKED, sample=number) for number in order))
        return dict(zip(order, texts, strict=True))

    first, second = noisy(0.5, seed=seed), noisy(0.5, seed=seed)
    assert asyncio.run(answers(first, range(12))) == asyncio.run(answers(second, order))


async def test_the_same_question_asked_again_is_drawn_anew_and_in_the_same_order_every_time() -> None:
    first, second = noisy(0.5), noisy(0.5)
    answers = [await said(first, ASKED) for _ in range(50)]
    assert len(set(answers)) > 1
    assert answers == [await said(second, ASKED) for _ in range(50)]
    assert answers != [await said(noisy(0.5, seed=1), ASKED) for _ in range(50)]
    assert first.asked == 50


async def test_it_may_get_better_when_it_is_told_what_was_wrong_but_only_when_asked_to() -> None:
    told = (ASKED, AssistantMessage("def double(n): ..."), UserMessage("double(1) gave None, but 2 is right"))
    better = NoisyModel(right=right, probability=0.0, after_feedback=1.0)
    assert await said(better, ASKED) != RIGHT
    assert await said(better, *told) == RIGHT
    assert await said(noisy(0.0), *told) != RIGHT


async def test_a_habitual_mistake_is_made_again_and_again() -> None:
    assert len(set(await many(noisy(0.0, habit=1.0)))) == 1
    answers = await many(noisy(0.0, habit=0.5))
    usual = max(set(answers), key=answers.count)
    assert 0.4 < share(answers, usual) < 0.8


async def test_a_critic_says_what_its_grader_thinks() -> None:
    model = NoisyModel(right=right, probability=1.0, grader=Grader(catches=1.0, trusts=1.0))
    wrong = mutated_program(RIGHT, Random(0))
    assert "nothing wrong" in await said(model, UserMessage(f"Criticise:\n{RIGHT}"), role="critic")
    assert "It is wrong" in await said(model, UserMessage(f"Criticise:\n{wrong}"), role="critic")
    drafted = (ASKED, AssistantMessage(RIGHT), UserMessage("Is that right?"))
    assert "nothing wrong" in await said(model, *drafted, role="judge")
    tested = ToolMessage(Outcome("c", output={"program": wrong}), "run")
    assert "It is wrong" in await said(model, tested, role="judge")


async def test_a_grader_errs_as_often_as_it_is_told_to() -> None:
    model = NoisyModel(right=right, probability=1.0, grader=Grader(catches=0.8, trusts=0.9))

    async def approved(shown: str) -> float:
        words = [await said(model, UserMessage(shown), role="critic", sample=number) for number in range(400)]
        return sum("nothing wrong" in text for text in words) / len(words)

    assert 0.85 < await approved(RIGHT) < 0.95
    assert 0.15 < await approved("def double(n): ...") < 0.25


async def test_the_lesson_of_an_attempt_is_words_and_no_program() -> None:
    tried = (ASKED, AssistantMessage(RIGHT), UserMessage("It failed. Write the lesson of this attempt."))
    assert (await said(noisy(1.0), *tried)).startswith("Look again: ")


async def test_a_question_with_a_shape_gets_a_value_of_it() -> None:
    model = NoisyModel(right=right, probability=1.0, grader=Grader(catches=1.0, trusts=1.0))
    wanted = shape(Verdict)

    async def verdict(shown: str) -> Verdict:
        reply = await model.complete(Request((UserMessage(shown),), shape=wanted), quiet)
        return wanted.read(msgspec.json.decode(reply.text))

    assert (await verdict(RIGHT)).problems == []
    wrong = await verdict("return n")
    assert len(wrong.problems) == 1
    assert wrong.score < 5 < (await verdict(RIGHT)).score


async def test_it_has_as_many_ideas_as_it_is_told_to() -> None:
    model = NoisyModel(right=right, probability=0.5, ideas=7)
    reply = await model.complete(Request((ASKED,), shape=shape(list[str])), quiet)
    assert len(msgspec.json.decode(reply.text, type=list[str])) == 7


async def test_an_agent_runs_on_it() -> None:
    async with Home.open(MEMORY) as home:
        result = await home.run(Agent("coder", noisy(1.0)), "Double a number.")
    assert (result.status, result.output) == ("done", RIGHT)


def wrong_finding(output: JsonValue) -> tuple[Finding, ...]:
    return () if output == RIGHT else (Finding("it does not double 3"),)


WAYS: dict[str, tuple[StrategyMaker, float]] = {
    "reflect": (reflect(check=wrong_finding, rounds=6), 0.95),
    "reflect with its own critic": (reflect(rounds=6), 0.7),
    "reflexion": (reflexion(check=wrong_finding, attempts=7), 0.95),
    "self-consistency": (self_consistency(), 0.65),
    "tree of thoughts": (tree_of_thoughts(Problem(answer=the_last), bounds=Bounds(depth=1)), 0.6),
}


@pytest.mark.parametrize(("way", "least"), WAYS.values(), ids=WAYS)
async def test_every_way_of_working_makes_more_of_it_than_one_question(way: StrategyMaker, least: float) -> None:
    async with Home.open(MEMORY) as home:
        agents = [Agent("coder", noisy(0.5, seed=seed), strategy=way, detectors=()) for seed in range(200)]
        results = [await home.run(agent, "Double a number.") for agent in agents]
    assert {result.status for result in results} <= {"done", "failed"}
    assert sum(result.output == RIGHT for result in results) / len(results) > least


def test_what_is_no_probability_is_refused() -> None:
    with pytest.raises(ConfigError, match="probability"):
        noisy(1.5)
    with pytest.raises(ConfigError, match="habit"):
        noisy(0.5, habit=-1.0)
    with pytest.raises(ConfigError, match="after_feedback"):
        NoisyModel(right=right, probability=0.5, after_feedback=2.0)
    with pytest.raises(ConfigError, match="catches"):
        Grader(catches=2.0)
