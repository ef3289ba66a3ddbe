"""Effects: what may be called, how often and with which keys."""

import pytest
from tests.tools.checking.tools import Told, checked, met, schema

from remit.core.errors import RejectedError
from remit.core.ports import ToolContext
from remit.core.toolspec import EffectClass, ToolSpec
from remit.core.values import JsonObject, JsonValue
from remit.tools.checking import Options

CITY = schema("city", city={"type": "string"}, units={"type": "string", "enum": ["c", "f"]}, days={"type": "integer"})


def of_effect(effect: EffectClass, *, dry_run: JsonObject | None = None, dangerous: bool = False) -> Told:
    spec = ToolSpec(name="t", description="", schema=CITY, effect=effect, dry_run=dry_run, dangerous=dangerous)
    return Told(spec)


async def test_an_idempotent_tool_gets_a_fresh_key_each_time_and_one_key_twice() -> None:
    tool_ = of_effect("idempotent")
    found = await checked(tool_)
    keys = [key for _, key in tool_.calls]
    assert found.status == "ok"
    assert len(keys) == len(set(keys)) + 1
    (twice,) = {key for key in keys if keys.count(key) == 2}
    assert len({str(args) for args, key in tool_.calls if key == twice}) == 1


async def test_keys_of_two_checks_are_never_the_same() -> None:
    one, two = of_effect("idempotent"), of_effect("idempotent")
    await checked(one)
    await checked(two)
    assert not {key for _, key in one.calls} & {key for _, key in two.calls}


async def test_an_answer_that_changes_when_a_call_is_repeated_is_found() -> None:
    numbers = iter(range(100))

    async def act(args: JsonObject, context: ToolContext) -> JsonValue:
        return {"made": [{"id": next(numbers)}]}

    tool_ = of_effect("idempotent")
    tool_.act = act
    found = await checked(tool_)
    assert met(found) == [("repeated", "answer", "made[0].id")]


async def test_a_repeated_call_that_is_not_answered_is_found() -> None:
    seen: set[str] = set()

    async def act(args: JsonObject, context: ToolContext) -> JsonValue:
        if context.key in seen:
            raise RejectedError("exists already")
        seen.add(context.key)
        return {}

    tool_ = of_effect("idempotent")
    tool_.act = act
    found = await checked(tool_)
    assert met(found) == [("repeated", "answer", "")]
    assert "first answered and then not: exists already" in found.breaches[0].text


@pytest.mark.parametrize(("effect", "dangerous"), [("once", False), ("read", True)])
async def test_what_must_not_be_done_is_called_only_as_a_dry_run_or_on_a_stand_in(
    effect: EffectClass, *, dangerous: bool
) -> None:
    skipped = of_effect(effect, dangerous=dangerous)
    assert (await checked(skipped)).status == "skipped"
    assert skipped.calls == []

    dry = of_effect(effect, dangerous=dangerous, dry_run={"days": 0})
    assert (await checked(dry)).status == "ok"
    assert dry.calls
    assert all(args["days"] == 0 for args, _ in dry.calls)

    standing_in = of_effect(effect, dangerous=dangerous, dry_run={"days": 0})
    assert (await checked(standing_in, Options(stand_in=True))).status == "ok"
    assert not all(args.get("days") == 0 for args, _ in standing_in.calls)


async def test_a_tool_that_is_withheld_is_left_alone_and_unproven() -> None:
    withheld = Told(ToolSpec(name="t", description="", schema=CITY, effect="read", withheld="nobody reviewed it"))
    found = await checked(withheld)
    assert (found.status, found.reason, withheld.calls) == ("unproven", "it is withheld: nobody reviewed it", [])
