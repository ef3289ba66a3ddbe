"""Routed: each question goes to the model that the rules name."""

import pytest
from msgspec.structs import replace
from tests.models.wrappers.timing import Timing

from remit.core.errors import ConfigError, ModelTimeoutError, OverloadedError
from remit.core.messages import Usage, UserMessage
from remit.core.ports import Emit, ModelSpec, Reply, Request
from remit.core.values import nanos
from remit.models import FlatPrice
from remit.models.wrappers import Affordable, ByRole, Cheapest, Fastest, LongerThan, Routed, Routes
from remit.testing import ScriptedModel, check_wrapper, says

HELLO = Request((UserMessage("hello"),))
CHEAP, DEAR = FlatPrice(1.0, 1.0), FlatPrice(5.0, 5.0)


def scripted(name: str, price: FlatPrice | None = CHEAP) -> ScriptedModel:
    return ScriptedModel([says(name)] * 50, price=price, usage=Usage(1000, 0), name=name)


async def who(model: Routed, request: Request = HELLO) -> str:
    return (await model.complete(request, lambda _: None)).text


class Slow:
    """A model that takes as long as it is told to."""

    def __init__(self, name: str, timing: Timing, *seconds: float) -> None:
        """Take so many seconds for each answer in turn; a negative number is a failure after none."""
        self.spec = ModelSpec(name, CHEAP)
        self._timing, self._seconds = timing, list(seconds)

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Let time go by."""
        seconds = self._seconds.pop(0)
        if seconds < 0:
            raise OverloadedError("down")
        self._timing.now += seconds
        return Reply(self.spec.name)


async def test_it_is_a_model_like_the_ones_inside() -> None:
    await check_wrapper(lambda model: Routed({"only": model}, default="only"))
    await check_wrapper(lambda model: Routed({"a": model, "b": scripted("b")}, LongerThan(10**6, "b"), default="a"))


async def test_the_first_rule_with_something_to_say_decides_and_else_the_default() -> None:
    models = {"small": scripted("small"), "large": scripted("large"), "judge": scripted("judge")}
    model = Routed(models, ByRole(judge="judge"), LongerThan(1000, "large"), default="small")
    assert await who(model) == "small"
    assert await who(model, replace(HELLO, role="judge")) == "judge"
    long = replace(HELLO, messages=(UserMessage("word " * 2000),))
    assert await who(model, long) == "large"
    assert await who(model, replace(long, role="judge")) == "judge"


async def test_the_reply_names_who_answered_and_says_what_that_one_costs() -> None:
    models = {"small": scripted("small"), "large": scripted("large", DEAR)}
    model = Routed(models, ByRole(hard="large"), default="small")
    reply = await model.complete(HELLO, lambda _: None)
    assert (reply.model, reply.cost) == ("", nanos(0.001))
    reply = await model.complete(replace(HELLO, role="hard"), lambda _: None)
    assert (reply.model, reply.cost) == ("large", nanos(0.005))


def test_the_hold_covers_the_dearest_and_an_unknown_price_makes_all_unknown() -> None:
    spec = Routed({"a": scripted("a"), "b": scripted("b", DEAR)}, default="a").spec
    assert (spec.name, spec.calls) == ("a", 1)
    assert spec.price is not None
    assert spec.price.worst(1000, 0) == DEAR.worst(1000, 0)
    assert Routed({"a": scripted("a"), "b": scripted("b", None)}, default="a").spec.price is None


async def test_the_cheapest_by_worst_case_is_chosen_unless_even_it_is_too_dear() -> None:
    models = {"dear": scripted("dear", DEAR), "cheap": scripted("cheap"), "unknown": scripted("unknown", None)}
    assert await who(Routed(models, Cheapest(), default="dear")) == "cheap"
    assert await who(Routed(models, Cheapest("dear", "unknown"), default="cheap")) == "dear"
    assert await who(Routed(models, Cheapest(usd=0.000001), default="dear")) == "dear"
    assert await who(Routed(models, Cheapest("unknown"), default="dear")) == "dear"


async def test_the_best_that_is_affordable_is_chosen() -> None:
    models = {"best": scripted("best", DEAR), "good": scripted("good"), "unknown": scripted("unknown", None)}
    rule = Affordable(0.01, "unknown", "best", "good")
    model = Routed(models, rule, default="unknown")
    assert await who(model) == "good"
    assert await who(model, replace(HELLO, max_output=100)) == "best"
    assert await who(model, replace(HELLO, max_output=10**6)) == "unknown"


async def test_the_fastest_of_late_is_chosen_after_each_was_tried() -> None:
    timing = Timing()
    models = {"a": Slow("a", timing, 2.0, 9.0), "b": Slow("b", timing, 1.0, 1.0, 5.0)}
    model = Routed(models, Fastest(), default="a", clock=timing.clock)
    assert [await who(model) for _ in range(5)] == ["a", "b", "b", "b", "a"]


async def test_failing_quickly_is_not_being_fast_and_is_forgotten_in_time() -> None:
    timing = Timing()
    models = {"down": Slow("down", timing, -1.0, 1.0), "up": Slow("up", timing, 3.0, 3.0, 3.0)}
    model = Routed(models, Fastest("down", "up"), default="up", clock=timing.clock, memory=100.0)
    with pytest.raises(OverloadedError):
        await who(model)
    assert [await who(model), await who(model)] == ["up", "up"]
    timing.now += 95.0
    assert await who(model) == "down"


async def test_answers_from_a_cache_are_not_taken_for_speed() -> None:
    hit = replace(says("cached"), hit=True)
    models = {"a": ScriptedModel([hit] * 3, name="a"), "b": scripted("b")}
    model = Routed(models, Fastest("a", "b"), default="b")
    assert [await who(model) for _ in range(3)] == ["cached"] * 3


async def test_errors_come_through_as_they_are() -> None:
    model = Routed({"a": ScriptedModel([ModelTimeoutError("late")])}, default="a")
    with pytest.raises(ModelTimeoutError, match="late"):
        await who(model)


async def test_routes_that_do_not_exist_are_refused() -> None:
    with pytest.raises(ConfigError, match="no route 'b'; there are: a"):
        Routed({"a": scripted("a")}, default="b")
    with pytest.raises(ConfigError, match="names no route 'typo'"):
        await who(Routed({"a": scripted("a")}, lambda routes: "typo", default="a"))


def test_two_tables_of_models_are_two_variants() -> None:
    one = Routed({"a": scripted("a"), "b": scripted("b")}, default="a").spec
    other = Routed({"a": scripted("a"), "c": scripted("c")}, default="a").spec
    assert one.variant != other.variant
    assert Routed({"a": scripted("a")}, default="a").spec.variant == ""


def test_a_rule_sees_length_and_worst_case_before_anything_is_spent() -> None:
    routes = Routes(HELLO, {"a": ModelSpec("a", CHEAP), "b": ModelSpec("b")}, {})
    assert 0 < routes.tokens < 64
    assert routes.worst("a") == CHEAP.worst(64 + 16 + len("hello"), HELLO.max_output)
    assert routes.worst("b") is None
