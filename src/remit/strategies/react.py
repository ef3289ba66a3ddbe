"""ReAct: think, act, look, until there is nothing left to do (Yao et al., 2022, arXiv:2210.03629)."""

from remit.core.moves import Brief, Strategy, StrategyMaker, ask, run, versioned
from remit.core.shape import Shape
from remit.core.values import JsonValue
from remit.strategies.doors import mended


@versioned("1")
def react(brief: Brief) -> Strategy:
    """Ask, make the calls the model wants, and ask again, until it wants none; its last words are the output."""
    answer = yield from ask()
    while answer.calls:
        yield from run(answer.calls)
        answer = yield from ask()
    return answer.text


def shaped(shape: Shape) -> StrategyMaker:
    """Make a ReAct whose output has a shape, as JSON; every ask carries it, for nobody knows which will be the last."""
    verbatim = as_json(shape)

    @versioned("1")
    def shaped(brief: Brief) -> Strategy:
        answer = yield from ask(shape=verbatim)
        while answer.calls:
            yield from run(answer.calls)
            answer = yield from ask(shape=verbatim)
        return (yield from mended(answer, verbatim))

    return shaped


def as_json(shape: Shape) -> Shape:
    """Check values against a shape but leave them as the JSON they came as, which is what an output must be."""

    def read(value: JsonValue) -> JsonValue:
        shape.read(value)
        return value

    return Shape(shape.schema, read, id=shape.id)
