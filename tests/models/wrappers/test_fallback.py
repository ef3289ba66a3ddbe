"""Fallback: the next model when one cannot answer."""

import pytest

from remit.core.errors import (
    AuthenticationError,
    ConfigError,
    ContextTooLongError,
    CutStreamError,
    ModelError,
    ModelRequestError,
    ModelTimeoutError,
    OverloadedError,
    QuotaError,
    RateLimitError,
    UnreadableAnswerError,
)
from remit.core.messages import Usage, UserMessage
from remit.core.ports import Delta, Emit, ModelSpec, Reply, Request
from remit.core.values import nanos
from remit.models import Fallback, FlatPrice
from remit.testing import ScriptedModel, check_wrapper, says
from remit.testing.scripted import Item

HELLO = Request((UserMessage("hello"),))
CHEAP, DEAR = FlatPrice(1.0, 1.0), FlatPrice(5.0, 5.0)


def scripted(name: str, *replies: Item, price: FlatPrice | None = CHEAP) -> ScriptedModel:
    return ScriptedModel(replies, price=price, usage=Usage(1000, 0), name=name)


class BreaksOff:
    """A model that breaks off in the middle of its answer."""

    spec = ModelSpec("breaks-off", CHEAP)

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Say half."""
        emit(Delta("half"))
        raise OverloadedError("broke off")


async def test_it_is_a_model_like_the_ones_inside() -> None:
    await check_wrapper(lambda model: Fallback(model, scripted("other")))
    await check_wrapper(lambda model: Fallback(model, scripted("other"), on=(ModelTimeoutError,)))


async def test_the_first_answers_while_it_can_at_its_own_price() -> None:
    model = Fallback(scripted("a", says("one")), scripted("b", price=DEAR))
    reply = await model.complete(HELLO, lambda _: None)
    assert (reply.text, reply.model, reply.cost) == ("one", "", nanos(0.001))


async def test_the_next_answers_after_a_refusal_and_is_named_and_billed() -> None:
    model = Fallback(
        scripted("a", RateLimitError("no")),
        scripted("b", OverloadedError("no")),
        scripted("c", says("three"), price=DEAR),
    )
    reply = await model.complete(HELLO, lambda _: None)
    assert (reply.text, reply.model, reply.cost) == ("three", "c", nanos(0.005))


async def test_when_nobody_answers_the_last_error_is_raised() -> None:
    with pytest.raises(OverloadedError, match="second"):
        await Fallback(scripted("a", RateLimitError("first")), scripted("b", OverloadedError("second"))).complete(
            HELLO, lambda _: None
        )


@pytest.mark.parametrize(
    "error",
    [
        ModelRequestError("no"),
        ModelTimeoutError("late"),
        ModelError("odd"),
        CutStreamError("cut"),
        UnreadableAnswerError("what"),
        AuthenticationError("who"),
        ContextTooLongError("long"),
    ],
)
async def test_by_default_it_moves_on_only_after_refusals(error: ModelError) -> None:
    other = scripted("b", says("never"))
    with pytest.raises(type(error)):
        await Fallback(scripted("a", error), other).complete(HELLO, lambda _: None)
    assert other.asked == 0


async def test_losses_are_taken_only_when_asked_for_and_are_held_for_and_billed() -> None:
    model = Fallback(scripted("a", ModelTimeoutError("late")), scripted("b", says("two")), on=(ModelError,))
    assert model.spec.calls == 2
    reply = await model.complete(HELLO, lambda _: None)
    assert reply.cost == nanos(0.001) + CHEAP.worst(64 + 16 + len("hello"), HELLO.max_output)


async def test_a_refusal_after_a_loss_is_not_passed_off_as_free() -> None:
    model = Fallback(scripted("a", ModelTimeoutError("late")), scripted("b", RateLimitError("no")), on=(ModelError,))
    with pytest.raises(ModelTimeoutError, match="1 lost calls"):
        await model.complete(HELLO, lambda _: None)


async def test_an_answer_broken_off_is_a_loss() -> None:
    with pytest.raises(ModelTimeoutError, match="broke off"):
        await Fallback(BreaksOff(), scripted("b", says("never"))).complete(HELLO, lambda _: None)
    shown: list[Delta] = []
    reply = await Fallback(BreaksOff(), scripted("b", says("two")), on=(ModelError,)).complete(HELLO, shown.append)
    assert shown == [Delta("half"), Delta("", fresh=True), Delta("two")]
    assert reply.cost is not None
    assert reply.cost > nanos(0.001)


def test_the_hold_is_for_the_dearest_and_an_unknown_price_makes_all_unknown() -> None:
    spec = Fallback(scripted("a"), scripted("b", price=DEAR)).spec
    assert (spec.name, spec.calls) == ("a", 1)
    assert spec.price is not None
    assert spec.price.worst(1000, 0) == DEAR.worst(1000, 0)
    assert Fallback(scripted("a"), scripted("b", price=None)).spec.price is None


async def test_each_class_of_error_may_have_its_own_models_in_order() -> None:
    long, spare, last = (scripted(name, *[says(name)] * 9) for name in ("long", "spare", "last"))
    down = scripted("down", *[OverloadedError("down")] * 9)
    for error, expected in [
        (ContextTooLongError("too long"), "long"),
        (QuotaError("no money"), "spare"),
        (RateLimitError("slow down"), "spare"),
        (OverloadedError("down"), "last"),
    ]:
        model = Fallback(
            scripted("first", error),
            on={
                ContextTooLongError: [long],
                QuotaError: [spare],
                RateLimitError: [spare],
                OverloadedError: [down, last],
            },
        )
        reply = await model.complete(HELLO, lambda _: None)
        assert (reply.text, reply.model) == (expected, expected)


async def test_an_error_that_no_class_fits_is_raised_and_the_first_class_that_fits_decides() -> None:
    other, never = scripted("other", says("other")), scripted("never", says("never"))
    with pytest.raises(AuthenticationError):
        await Fallback(scripted("a", AuthenticationError("who")), on={QuotaError: [never]}).complete(
            HELLO, lambda _: None
        )
    model = Fallback(scripted("a", QuotaError("empty")), on={ModelRequestError: [other], QuotaError: [never]})
    assert (await model.complete(HELLO, lambda _: None)).text == "other"
    assert never.asked == 0


async def test_no_model_is_asked_twice_for_one_answer() -> None:
    first = scripted("first", OverloadedError("one"), says("never"))
    second = scripted("second", RateLimitError("two"), says("never"))
    model = Fallback(first, on={OverloadedError: [second], RateLimitError: [first, second]})
    with pytest.raises(RateLimitError, match="two"):
        await model.complete(HELLO, lambda _: None)
    assert (first.asked, second.asked) == (1, 1)


def test_the_hold_is_for_all_models_only_when_one_class_may_have_cost_something() -> None:
    a, b, c = scripted("a"), scripted("b", price=DEAR), scripted("c")
    free = Fallback(a, on={QuotaError: [b], ContextTooLongError: [c, b]}).spec
    assert free.calls == 1
    assert free.price is not None
    assert free.price.worst(1000, 0) == DEAR.worst(1000, 0)
    assert Fallback(a, on={QuotaError: [b], CutStreamError: [c, b]}).spec.calls == 3


def test_other_models_are_named_in_one_place_only() -> None:
    with pytest.raises(ConfigError, match="nowhere else"):
        Fallback(scripted("a"), scripted("b"), on={QuotaError: [scripted("c")]})


def test_models_that_may_answer_make_the_variant() -> None:
    assert Fallback(scripted("a"), scripted("b")).spec.variant != Fallback(scripted("a"), scripted("c")).spec.variant
