"""Every way of working with a model that works so, and what comes of it when nothing goes wrong."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tests.faults.hearing import Heard

from remit.core.moves import StrategyMaker
from remit.core.ports import Reply
from remit.core.shape import shape
from remit.core.values import JsonValue
from remit.strategies import (
    Bounds,
    Finding,
    Route,
    call,
    debate,
    pipeline,
    plan_and_execute,
    prompt,
    react,
    reflect,
    reflexion,
    router,
    self_consistency,
    shaped,
    tree_of_thoughts,
)
from remit.testing import calls, says, use

TOOL = "act"


@dataclass(frozen=True)
class Way:
    """A strategy, what its model says in the end, and what comes of a run that nothing disturbs."""

    strategy: StrategyMaker
    final: Callable[[Heard], str] = lambda heard: "good"
    output: JsonValue = "good"
    effects: int = 1
    """How often the tool is used."""


def better(heard: Heard) -> str:
    """Answer well only when told what was wrong."""
    return "good" if "not good" in heard.whole or "Be good." in heard.whole else "bad"


def must_be_good(output: JsonValue) -> list[Finding]:
    """Find fault with anything else."""
    return [] if output == "good" else [Finding("not good")]


WAYS: Mapping[str, Way] = {
    "react": Way(react),
    "shaped": Way(shaped(shape(dict[str, str])), lambda heard: '{"answer": "good"}', {"answer": "good"}),
    "pipeline": Way(
        pipeline(idea=prompt("An idea for {task}?"), done=call(TOOL, {"n": 1}), end=prompt("After {idea}?")),
    ),
    "plan_and_execute": Way(plan_and_execute),
    "reflect": Way(reflect(check=must_be_good), better),
    "reflexion": Way(reflexion(check=must_be_good), better, effects=2),
    "tree_of_thoughts": Way(tree_of_thoughts(bounds=Bounds(depth=1, breadth=1)), effects=0),
    "self_consistency": Way(self_consistency(samples=3), effects=2),
    "debate": Way(debate(2, 0), effects=2),
    "router": Way(router({"mend": Route(react, "for all")})),
}


def right(way: Way, heard: Heard) -> Reply:
    """Answer as a model that never errs: plan, choose, propose and value when asked to, act once, then answer."""
    # Whoever is asked to mend an answer must look back for what was asked.
    said = heard.whole if "cannot be used" in heard.last else heard.last
    asked_for = {
        "Plan the whole task": '{"steps": [{"id": "a", "tool": "act", "args": {"n": 1}}]}',
        "Propose what could come next": '{"thoughts": ["first", "second"]}',
        "How good a way": '{"value": "sure"}',
        '"route": ': '{"route": "mend"}',
        '"choice": ': '{"choice": 1}' if '1">\ngood' in said else '{"choice": 2}',
        "Write the lesson": "Be good.",
    }
    for cue, answer in asked_for.items():
        if cue in said:
            return says(answer)
    if TOOL in heard.tools and not any("done" in outcome for outcome in heard.outcomes):
        return calls(use(TOOL, n=1))
    return says(way.final(heard))
