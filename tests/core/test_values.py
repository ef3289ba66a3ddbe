"""Values, shapes, moves and agents: the small things that everything else is made of."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.lives import JSON

from remit.core.agent import Agent
from remit.core.errors import ConfigError
from remit.core.messages import Call, Outcome
from remit.core.moves import Answer, Ask, Brief, Fork, GiveUp, Note, Run, Strategy, ask, fork, identity, note, run
from remit.core.ports import Tool, ToolSpec
from remit.core.shape import Shape, shape
from remit.core.values import JsonValue, digest, nanos, now_ms, show_usd, usd
from remit.testing import EffectCounter, ScriptedModel
from remit.tools import tool


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        (0, "$0.00"),
        (nanos(0.3), "$0.30"),
        (nanos(0.01), "$0.01"),
        (nanos(12.345), "$12.35"),
        (nanos(0.000012), "$0.000012"),
        (1, "$0.000000001"),
        (-nanos(0.5), "$-0.50"),
    ],
)
def test_money_reads_as_people_write_it(amount: int, text: str) -> None:
    assert show_usd(amount) == text


@given(st.integers(0, 10**15))
def test_money_survives_being_shown(amount: int) -> None:
    assert nanos(usd(amount)) == amount


@given(st.dictionaries(st.text(), JSON))
def test_a_digest_does_not_depend_on_the_order_of_keys(value: dict[str, JsonValue]) -> None:
    assert digest(value) == digest(dict(reversed(list(value.items()))))
    assert len(digest(value)) == 32


@given(JSON, JSON)
def test_different_values_have_different_digests(one: JsonValue, two: JsonValue) -> None:
    assert (digest(one) == digest(two)) == (
        msgspec.json.encode(one, order="sorted") == msgspec.json.encode(two, order="sorted")
    )


def test_the_clock_goes_on() -> None:
    assert now_ms() > 1_600_000_000_000


class City(msgspec.Struct):
    name: str
    people: int


def test_a_shape_reads_what_it_demands_and_says_what_is_wrong() -> None:
    wanted = shape(City)
    assert wanted.read({"name": "Oslo", "people": 7}) == City("Oslo", 7)
    with pytest.raises(ValueError, match=r"Expected `int`, got `str` - at `\$\.people`"):
        wanted.read({"name": "Oslo", "people": "many"})


def test_a_shape_is_named_by_what_it_demands() -> None:
    assert shape(City).id == shape(City).id != shape(list[int]).id
    assert Shape({}, str, id="mine").id == "mine"


def test_doors_yield_moves_and_give_back_what_is_sent() -> None:
    def branch() -> Strategy:
        yield from note("x", 1)
        return "b"

    def strategy() -> Strategy:
        answer = yield from ask("hi", tools=["a"])
        outcomes = yield from run([Call("a", {})])
        results = yield from fork([branch()])
        yield from note("plan", [1])
        return [answer.text, len(outcomes), list(results)]

    walking = strategy()
    assert next(walking) == Ask("hi", tools=("a",))
    assert walking.send(Answer("yes")) == Run((Call("a", {}),))
    assert isinstance(walking.send((Outcome("c"),)), Fork)
    assert walking.send(("b",)) == Note("plan", [1])
    with pytest.raises(StopIteration) as end:
        walking.send(None)
    assert end.value.value == ["yes", 1, ["b"]]


def test_a_strategy_is_known_by_name_and_version() -> None:
    class Way:
        def __call__(self, brief: Brief) -> Strategy:
            yield from note("x", brief.preview(Call("t", {})))
            return None

    assert identity(Way()) == "Way@1"
    assert [move.body for move in Way()(Brief("x")) if isinstance(move, Note)] == [""]


def test_giving_up_hands_over_what_there_is() -> None:
    assert (GiveUp("no", [1]).reason, GiveUp("no", [1]).output) == ("no", [1])


MODEL = ScriptedModel([])


def test_an_agent_needs_a_name() -> None:
    with pytest.raises(ConfigError, match="an agent needs a name"):
        Agent("", MODEL)


def test_an_agent_has_each_tool_once() -> None:
    with pytest.raises(ConfigError, match="agent 'a' has two tools named 'effect'; rename one"):
        Agent("a", MODEL, tools=[EffectCounter(), EffectCounter()])


def falls(name: str, fallback: str = "") -> Tool:
    """Make a tool that falls back."""

    def nothing() -> None:
        """Do nothing."""

    return tool(name=name, fallback=fallback)(nothing)


def test_a_fallback_must_be_there() -> None:
    with pytest.raises(ConfigError, match="'effect' falls back to 'other', which agent 'a' lacks"):
        Agent("a", MODEL, tools=[falls("effect", "other")])
    Agent("a", MODEL, tools=[falls("x", "y"), falls("y", "z"), falls("z")])


@pytest.mark.parametrize("names", ["xy", "xyz"])
def test_fallbacks_that_go_round_in_a_circle_are_refused(names: str) -> None:
    tools = [falls(name, names[(place + 1) % len(names)]) for place, name in enumerate(names)]
    with pytest.raises(ConfigError, match="fall back in a circle: x -> "):
        Agent("a", MODEL, tools=tools)


def test_a_contracts_hash_follows_what_a_model_relies_on() -> None:
    spec = ToolSpec(name="t", description="d", schema={"type": "object"})
    assert spec.digest() == msgspec.structs.replace(spec, timeout=5.0).digest()
    assert spec.digest() != msgspec.structs.replace(spec, description="e").digest()
