"""Canonical: what means the same to a model has the same key, and nothing else has."""

from collections.abc import Sequence
from typing import Any

import pytest
from msgspec.structs import replace

from remit.core.messages import AssistantMessage, Call, Message, Outcome, Part, ToolMessage, UserMessage
from remit.core.ports import ModelSpec, Request, ToolSpec
from remit.core.shape import shape
from remit.models.wrappers.canonical import canonical_key

SPEC = ModelSpec("m")
TOOL = ToolSpec(name="look", description="Looks.", schema={"type": "object"})


def talk(first: str = "c1_0_0", second: str = "c1_0_1", *, swapped: bool = False) -> list[Message]:
    outcomes = [ToolMessage(Outcome(first, output="a"), "look"), ToolMessage(Outcome(second, output="b"), "look")]
    if swapped:
        outcomes = [replace(outcomes[0], outcome=Outcome(second, output="a")), outcomes[1]]
        outcomes[1] = replace(outcomes[1], outcome=Outcome(first, output="b"))
    calls = (Call("look", {"at": 1, "by": 2}, first), Call("look", {"at": 2}, second))
    return [UserMessage("Look."), AssistantMessage("", calls), *outcomes]


def key(messages: Sequence[Message], **changes: Any) -> bytes:
    return canonical_key(replace(Request(messages, tools=(TOOL,)), **changes), SPEC)


def test_the_ids_of_calls_do_not_matter_but_which_call_an_outcome_is_of_does() -> None:
    assert key(talk()) == key(talk("c7_3_0", "c7_3_1"))
    assert key(talk()) != key(talk(swapped=True))


def test_the_session_does_not_matter() -> None:
    assert key(talk()) == key(talk(), session="s2")


def test_the_role_matters_for_it_may_be_routed_to_another_model() -> None:
    assert key(talk()) != key(talk(), role="judge")


def test_the_order_of_arguments_does_not_matter() -> None:
    turned = [UserMessage("x"), AssistantMessage("", (Call("look", {"by": 2, "at": 1}, "c"),))]
    straight = [UserMessage("x"), AssistantMessage("", (Call("look", {"at": 1, "by": 2}, "c"),))]
    assert key(turned) == key(straight)


@pytest.mark.parametrize(
    "change",
    [
        {"messages": [UserMessage("Look?")]},
        {"messages": [UserMessage("Look.", (Part("image/png", "abc"),))]},
        {"messages": [UserMessage("Look"), UserMessage(".")]},
        {"messages": [AssistantMessage("Look.")]},
        {"messages": [AssistantMessage("Look.", reasoning={"thought": 1})]},
        {"messages": [ToolMessage(Outcome("c", "failed", "Look."), "look")]},
        {"messages": [ToolMessage(Outcome("c", "ok", "Look."), "look")]},
        {"instructions": "Be brief."},
        {"tools": ()},
        {"tools": (replace(TOOL, description="Sees."),)},
        {"shape": shape(int)},
        {"shape": shape(str)},
        {"max_output": 1},
        {"sample": 1},
        {"tenant": "acme"},
    ],
)
def test_all_else_matters(change: dict[str, Any]) -> None:
    before: dict[str, Any] = {"messages": [UserMessage("Look.")]}
    assert key(**before | change) != key(**before)


def test_models_and_their_variants_are_kept_apart() -> None:
    request = Request(talk())
    keys = {canonical_key(request, ModelSpec(name, variant=v)) for name, v in [("m", ""), ("m", "hot"), ("n", "")]}
    assert len(keys) == 3


def test_a_conversation_that_grows_is_hashed_once_and_to_the_same_key() -> None:
    memo: dict[object, object] = {}
    messages = talk()
    for count in range(1, len(messages) + 1):
        request = Request(messages[:count], tools=(TOOL,), memo=memo)
        assert canonical_key(request, SPEC) == key(messages[:count])
    # A message that was hashed is not looked at again.
    assert canonical_key(Request([*messages[:-1], UserMessage("?")], tools=(TOOL,), memo=memo), SPEC) == key(messages)


def test_a_shorter_conversation_under_the_same_memo_is_hashed_anew() -> None:
    memo: dict[object, object] = {}
    canonical_key(Request(talk(), memo=memo), SPEC)
    assert canonical_key(Request(talk()[:1], tools=(TOOL,), memo=memo), SPEC) == key(talk()[:1])


def test_half_a_character_has_a_key_too() -> None:
    assert key([UserMessage("\ud800")]) == key([UserMessage("\ud800")]) != key([UserMessage("\ud801")])
