"""Priced: a model whose price is looked up."""

from remit.core.messages import UserMessage
from remit.core.ports import Request
from remit.models import FREE, FlatPrice, Priced, known_price
from remit.models.wrappers.lost import worst
from remit.testing import ScriptedModel, check_wrapper, says

MINE = FlatPrice(9.0, 9.0)


async def test_it_is_a_model_like_the_one_inside() -> None:
    await check_wrapper(Priced)


def test_the_price_comes_from_the_list_when_the_model_has_none() -> None:
    assert Priced(ScriptedModel([], price=None, name="openai:gpt-4o")).spec.price is known_price("openai:gpt-4o")


def test_the_models_own_price_comes_before_the_lists_and_yours_before_both() -> None:
    model = ScriptedModel([], price=FREE, name="openai:gpt-4o")
    assert Priced(model).spec.price is FREE
    assert Priced(model, {"openai:gpt-4o": MINE}).spec.price is MINE
    assert Priced(model, {"openai:other": MINE}).spec.price is FREE


def test_a_price_nobody_knows_stays_unknown() -> None:
    assert Priced(ScriptedModel([], price=None, name="openai:nothing-like-it")).spec.price is None


async def test_it_answers_as_the_model_does() -> None:
    reply = await Priced(ScriptedModel([says("yes")])).complete(Request((UserMessage("hello"),)), lambda _: None)
    assert reply.text == "yes"


async def test_an_answer_that_does_not_say_what_it_used_costs_what_was_held() -> None:
    request = Request((UserMessage("hello"),))
    model = Priced(ScriptedModel([says("yes"), says("no")], price=None, name="mine"), {"mine": MINE})
    reply = await model.complete(request, lambda _: None)
    assert reply.cost == worst(model.spec, request) > 0
