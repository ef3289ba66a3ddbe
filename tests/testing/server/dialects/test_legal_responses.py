"""Legality: a request that OpenAI would not take is not taken."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.testing.server.dialects.requests import STRICT, USER, first

from remit.core.values import JsonObject, JsonValue
from remit.testing.server.dialects.port import locked, unlocked
from remit.testing.server.dialects.responses import Responses


def responses(*items: JsonValue, **more: JsonValue) -> str:
    listed: list[JsonValue] = [*items]
    body: JsonObject = {"model": "gpt-5", "input": listed}
    return first(Responses(), {**body, **more})


def called(name: str, **more: JsonValue) -> JsonObject:
    return {"type": "function_call", "call_id": name, "name": "look", "arguments": "{}", **more}


def output(name: str, value: JsonValue = "done") -> JsonObject:
    return {"type": "function_call_output", "call_id": name, "output": value}


def reasoned(text: str | None = "so") -> JsonObject:
    content = text if text is None or not text else locked(text)
    return {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": content}


def test_responses_with_everything_in_their_place_are_legal() -> None:
    image: JsonObject = {"type": "input_image", "image_url": "data:image/png;base64,AA=="}
    said: JsonObject = {"type": "output_text", "text": "so"}
    assert not responses(
        {"role": "developer", "content": "be brief"},
        {"role": "user", "content": [{"type": "input_text", "text": "see"}, image]},
        reasoned(),
        called("c1", id="fc_1"),
        called("c2"),
        output("c2", [image]),
        output("c1"),
        {"type": "message", "role": "assistant", "content": [said]},
        USER,
        tools=[{"type": "function", "name": "look", "parameters": STRICT, "strict": True}, {"type": "web_search"}],
        text={"format": {"type": "json_schema", "name": "out", "schema": STRICT, "strict": True}},
        max_output_tokens=16,
        store=False,
    )
    assert not first(Responses(), {"model": "m", "input": "hi", "tools": [], "text": {"format": {"type": "text"}}})


@pytest.mark.parametrize(
    ("problem", "says"),
    [
        (responses(), "Missing required parameter: 'input'"),
        (first(Responses(), {"input": "hi"}), "Missing required parameter: 'model'"),
        (responses("hi"), "Invalid value: 'None'"),
        (responses({"type": "telepathy"}), "Invalid value: 'telepathy'"),
        (responses({"type": "item_reference", "id": "x"}), "not found"),
        (responses({"role": "tool", "content": "x"}), "Supported values are"),
        (responses({"role": "user"}), "Missing required parameter: 'input[0].content'"),
        (responses({"role": "user", "content": [{"type": "text", "text": "x"}]}), "Invalid value: 'text'"),
        (
            responses({"role": "assistant", "content": [{"type": "input_text", "text": "x"}]}),
            "Supported values are: 'output_text', 'refusal'",
        ),
        (responses(called("c", arguments={})), "Missing required parameter: 'input[0].arguments'"),
        (responses(called("x" * 65)), "maximum length 64"),
        (responses(called("c", id="c1")), "begins with 'fc'"),
        (responses(called("c"), {"type": "function_call_output", "call_id": "c"}), "[1].output'"),
        (responses(called("c"), output("c", [{"type": "output_text"}])), "Invalid value: 'output_text'"),
        (responses(called("c1"), USER), "No tool output found for function call c1"),
        (responses(USER, output("c1")), "No tool call found for function call output"),
        (responses(called("c1"), output("c1"), output("c1")), "No tool call found for function call output"),
        (responses(USER, reasoned(), USER), "without its required following item"),
        (responses(USER, reasoned()), "without its required following item"),
        (responses(reasoned(None), called("c"), output("c")), "Items are not persisted"),
        (responses(reasoned(""), called("c"), output("c")), "could not be verified"),
        (responses({"type": "reasoning", "encrypted_content": locked("x")}, called("c"), output("c")), "summary"),
        (responses(USER, max_output_tokens=15), "Expected a value >= 16"),
        (responses(USER, stream_options={}), "only allowed when 'stream'"),
        (responses(USER, text={"format": {"type": "json_schema", "schema": STRICT}}), "text.format.name"),
        (responses(USER, tools=[{"type": "function", "name": "a b"}]), "does not match pattern"),
        (responses(USER, tools={"a": 1}), "tools"),
    ],
)
def test_a_request_for_a_response_that_is_not_legal_is_refused(problem: str, says: str) -> None:
    assert says in problem


@given(st.text())
def test_a_thought_that_was_locked_is_known_again_and_no_other(text: str) -> None:
    assert unlocked(locked(text)) == text
    assert unlocked(locked(text) + "x") is None
    assert unlocked(text.replace(".", "")) is None
