"""Doors: the small dialogues that several strategies hold, made of the four doors of the core."""

from typing import Any

from remit.core.messages import Call, Outcome
from remit.core.moves import Answer, Door, GiveUp, Strategy, ask, run
from remit.core.shape import Shape
from remit.core.values import JsonValue
from remit.strategies.template import as_text


def ask_for(shape: Shape, say: str = "", *, role: str = "default", repairs: int = 2) -> Door[Any]:
    """Ask a model, without tools, for a value of a shape; see `mended`."""
    answer = yield from ask(say, role=role, tools=(), shape=shape)
    return (yield from mended(answer, shape, role=role, repairs=repairs))


def ask_alone(shape: Shape, say: str, *, role: str = "default", repairs: int = 2) -> Door[Any]:
    """Ask a model outside of the conversation for a value of a shape; repeat the question, then give up.

    A cache keeps the repetitions apart, for two of them may have the same words.
    """
    answer = yield from ask(say, role=role, tools=(), shape=shape, alone=True)
    problem = _problem(answer)
    for number in range(1, repairs + 1):
        if not problem:
            break
        again = f"{say}\n\nYour last answer could not be used: {problem}\nAnswer again, whole, with this put right."
        answer = yield from ask(again, role=role, tools=(), shape=shape, alone=True, sample=number)
        problem = _problem(answer)
    if problem:
        raise _unusable(answer, problem, repairs)
    return answer.value


def mended(answer: Answer, shape: Shape, *, role: str = "default", repairs: int = 2) -> Door[Any]:
    """Give the value of an answer, asked again at most `repairs` times while it lacks the shape; then give up."""
    problem = _problem(answer)
    for _ in range(repairs):
        if not problem:
            break
        say = f"That answer cannot be used: {problem}\nAnswer again, whole, with this put right."
        answer = yield from ask(say, role=role, tools=(), shape=shape)
        problem = _problem(answer)
    if problem:
        raise _unusable(answer, problem, repairs)
    return answer.value


def perform(call: Call) -> Door[JsonValue]:
    """Make one call and give its output; give up when it does not succeed."""
    return (yield from performed(call)).output


def performed(call: Call) -> Door[Outcome]:
    """Make one call and give how it ended; give up when it does not succeed."""
    (outcome,) = yield from run([call])
    if not succeeded(outcome):
        raise GiveUp(f"{call.tool} {outcome.status}: {as_text(outcome.output)}")
    return outcome


def attempt(strategy: Strategy) -> Strategy:
    """Follow a strategy to its end, good or bad: give its `output`, and in `failed` the reason when it gave up.

    In a branch of a fork this keeps one that gives up from ending the run.
    """
    try:
        return {"output": (yield from strategy)}
    except GiveUp as stop:
        return {"failed": stop.reason, "output": stop.output}


def succeeded(outcome: Outcome) -> bool:
    """Say whether a call went well, as far as an agent may know: it must not see through a simulation."""
    return outcome.status in {"ok", "simulated"}


def _unusable(answer: Answer, problem: str, repairs: int) -> GiveUp:
    reason = f"the model's answer still cannot be used after {repairs} repairs: {problem}"
    return GiveUp(reason, {"answer": answer.text, "problem": problem})


def _problem(answer: Answer) -> str:
    # An answer with calls is not read into its shape, and some models call tools that nobody offered.
    return "no tool can be called now" if answer.calls else answer.problem
