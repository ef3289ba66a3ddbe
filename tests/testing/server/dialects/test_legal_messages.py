"""Legality: a message that Anthropic would not take is not taken."""

import pytest
from tests.testing.server.dialects.requests import OBJECT, STRICT, USER, first

from remit.core.values import JsonObject, JsonValue
from remit.testing.server.dialects.messages import Messages
from remit.testing.server.dialects.port import sealed

MARKED: JsonValue = {"type": "text", "text": "so", "cache_control": {"type": "ephemeral"}}
LOOK: JsonValue = {"name": "look", "input_schema": OBJECT}


def message(*messages: JsonValue, **more: JsonValue) -> str:
    listed: list[JsonValue] = [*messages]
    body: JsonObject = {"model": "claude", "max_tokens": 100, "messages": listed}
    return first(Messages(), {**body, **more})


def says_blocks(role: str, *blocks: JsonValue) -> JsonObject:
    listed: list[JsonValue] = [*blocks]
    return {"role": role, "content": listed}


def text(words: str = "so") -> JsonObject:
    return {"type": "text", "text": words}


def used(id_: str, **more: JsonValue) -> JsonObject:
    return {"type": "tool_use", "id": id_, "name": "look", "input": {}, **more}


def told(name: str, content: JsonValue = "done") -> JsonObject:
    return {"type": "tool_result", "tool_use_id": name, "content": content}


def test_messages_with_everything_in_their_place_are_legal() -> None:
    mark: JsonObject = {"type": "ephemeral"}
    thinking: JsonObject = {"type": "thinking", "thinking": "hm", "signature": sealed("hm")}
    image: JsonObject = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}
    assert not message(
        says_blocks("user", text(), image),
        says_blocks("assistant", thinking, {"type": "redacted_thinking", "data": "x"}, used("t1"), used("t2")),
        says_blocks("user", told("t1")),
        says_blocks("user", told("t2", [text()]), text("and")),
        {"role": "assistant", "content": "fine"},
        USER,
        {"role": "assistant", "content": ""},
        system=[{**text("be brief"), "cache_control": mark}],
        tools=[
            {"name": "look", "input_schema": OBJECT},
            {"name": "see", "input_schema": STRICT, "strict": True, "cache_control": mark},
        ],
        tool_choice={"type": "auto"},
        thinking={"type": "enabled", "budget_tokens": 1024},
        max_tokens=2000,
        output_config={"format": {"type": "json_schema", "schema": STRICT}},
        cache_control=mark,
    )
    assert not message(USER, system="be brief", thinking={"type": "adaptive"})


@pytest.mark.parametrize(
    ("problem", "says"),
    [
        (first(Messages(), {"max_tokens": 1, "messages": [USER]}), "model: Field required"),
        (first(Messages(), {"model": "m", "messages": [USER]}), "max_tokens: Field required"),
        (message(USER, max_tokens=0), "max_tokens: Input should be greater"),
        (message(), "at least one message is required"),
        (message("hi"), "Input should be 'user' or 'assistant'"),
        (message({"role": "system", "content": "x"}), "Input should be 'user' or 'assistant'"),
        (message({"role": "user", "content": 1}), "valid string or list"),
        (message({"role": "user", "content": ""}), "non-empty content"),
        (message({"role": "user", "content": " "}), "non-whitespace"),
        (message(says_blocks("user")), "non-empty content"),
        (message(says_blocks("user", text(""))), "must be non-empty"),
        (message(says_blocks("user", text("\n"))), "non-whitespace"),
        (message(says_blocks("user", "x")), "Input tag 'None'"),
        (message(says_blocks("user", used("t1"))), "Input tag 'tool_use'"),
        (message(says_blocks("user", {"type": "image"})), "source: Field required"),
        (
            message(USER, says_blocks("assistant", {"type": "thinking", "thinking": "hm", "signature": "x"})),
            "Invalid `signature`",
        ),
        (message(USER, says_blocks("assistant", used("a b"))), "String should match pattern"),
        (message(USER, says_blocks("assistant", used("t1", name="a b"))), "String should match pattern"),
        (message(USER, says_blocks("assistant", used("t1", input="{}"))), "valid dictionary"),
        (message({"role": "assistant", "content": "hi"}), 'first message must use the "user" role'),
        (message(USER, {"role": "assistant", "content": "so "}), "trailing whitespace"),
        (message(USER, says_blocks("assistant", used("t1"))), "without `tool_result` blocks immediately after: t1"),
        (message(USER, says_blocks("assistant", used("t1")), USER), "without `tool_result` blocks"),
        (
            message(USER, says_blocks("assistant", used("t1")), says_blocks("user", told("t2"))),
            "without `tool_result` blocks immediately after: t1",
        ),
        (
            message(USER, {"role": "assistant", "content": "so"}, says_blocks("user", told("t1"))),
            "unexpected `tool_use_id`",
        ),
        (
            message(USER, says_blocks("assistant", used("t1")), says_blocks("user", told("t1"), told("t1"))),
            "a single result",
        ),
        (
            message(USER, says_blocks("assistant", used("t1")), says_blocks("user", text(), told("t1"))),
            "must come first",
        ),
        (message(USER, says_blocks("assistant", used("t1"), used("t1")), says_blocks("user", told("t1"))), "unique"),
        (
            message(USER, says_blocks("assistant", used("t1")), says_blocks("user", told("t1", [text("")]))),
            "must be non-empty",
        ),
        (message(USER, system=[text("")]), "must be non-empty"),
        (message(USER, system=5), "valid list"),
        (message(USER, tools=[{"name": "a b", "input_schema": OBJECT}]), "tools.0.custom.name"),
        (message(USER, tools=["x"]), "tools.0.custom.name"),
        (message(USER, tools=[LOOK, LOOK]), "Tool names must be unique"),
        (message(USER, tools=[{"name": "a"}]), "input_schema.type"),
        (
            message(USER, tools=[{"name": "a", "input_schema": OBJECT, "strict": True}]),
            "'additionalProperties' must be",
        ),
        (message(USER, tool_choice={"type": "auto"}), "while providing tools"),
        (message(USER, thinking={"type": "enabled", "budget_tokens": 10}), "1024"),
        (message(USER, thinking={"type": "enabled", "budget_tokens": 1024}), "must be greater than"),
        (message(USER, output_config={"format": {"type": "json_schema"}}), "output_config.format.schema"),
        (message(USER, output_config={"format": {"type": "json_schema", "schema": OBJECT}}), "'additionalProperties'"),
        (
            message(says_blocks("user", *[MARKED] * 5)),
            "Found 5",
        ),
    ],
)
def test_a_message_that_is_not_legal_is_refused(problem: str, says: str) -> None:
    assert says in problem
