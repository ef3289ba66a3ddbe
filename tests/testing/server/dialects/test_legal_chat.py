"""Legality: a chat that OpenAI would not take is not taken."""

import pytest
from tests.testing.server.dialects.requests import OBJECT, STRICT, USER, first

from remit.core.values import JsonObject, JsonValue
from remit.testing.server.dialects.chat import Chat


def chat(*messages: JsonValue, **more: JsonValue) -> str:
    listed: list[JsonValue] = [*messages]
    body: JsonObject = {"model": "gpt-4", "messages": listed}
    return first(Chat(), {**body, **more})


def wish(*ids: str) -> JsonObject:
    calls: list[JsonValue] = [
        {"id": name, "type": "function", "function": {"name": "look", "arguments": "{}"}} for name in ids
    ]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def result(name: str, content: JsonValue = "done") -> JsonObject:
    return {"role": "tool", "tool_call_id": name, "content": content}


def function(name: str = "look", schema: JsonValue = OBJECT, **more: JsonValue) -> list[JsonValue]:
    return [{"type": "function", "function": {"name": name, "parameters": schema, **more}}]


def test_a_chat_with_everything_in_its_place_is_legal() -> None:
    parts: list[JsonValue] = [
        {"type": "text", "text": "see"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
    ]
    wanted: JsonObject = {"type": "json_schema", "json_schema": {"name": "out", "schema": STRICT, "strict": True}}
    assert not chat(
        {"role": "system", "content": "be brief"},
        {"role": "developer", "content": "very"},
        {"role": "user", "content": parts},
        wish("c1", "c2"),
        result("c2"),
        result("c1"),
        {"role": "assistant", "content": "so"},
        USER,
        tools=function(schema=STRICT, strict=True),
        tool_choice="auto",
        response_format=wanted,
        max_completion_tokens=5,
        stream=True,
        stream_options={"include_usage": True},
    )
    assert not chat(USER, response_format={"type": "json_object"}, max_tokens=3)
    assert not chat(USER, tools=[{"type": "function", "function": {"name": "now"}}])


@pytest.mark.parametrize(
    ("problem", "says"),
    [
        (chat(), "empty array"),
        (chat("hi"), "expected an object"),
        (chat({"role": "robot", "content": "x"}), "Invalid value: 'robot'"),
        (chat({"role": "user", "content": None}), "expected a string, got null"),
        (chat({"role": "assistant", "content": None}), "expected a string, got null"),
        (chat({"role": "user", "content": []}), "expected a string or a list of parts"),
        (
            chat({"role": "assistant", "content": [{"type": "image_url", "image_url": {}}]}),
            "Invalid value: 'image_url'",
        ),
        (chat({"role": "user", "content": ["x"]}), "Invalid value: 'None'"),
        (chat({"role": "user", "content": [{"type": "text"}]}), "Missing required parameter"),
        (chat({"role": "assistant", "content": "x", "tool_calls": []}), "empty array"),
        (chat({"role": "assistant", "content": "x", "tool_calls": ["y"]}), "a call needs a function"),
        (chat(wish("x" * 41), result("x" * 41)), "maximum length 40"),
        (chat(wish(""), result("")), "maximum length 40"),
        (
            chat({**wish("c"), "tool_calls": [{"id": "c", "function": {"name": "look", "arguments": {}}}]}),
            "expected strings",
        ),
        (chat(USER, wish("c1", "c2"), result("c1")), "did not have response messages: c2"),
        (chat(USER, wish("c1"), USER), "did not have response messages: c1"),
        (chat(USER, result("c1")), "must be a response to a preceeding message"),
        (chat(USER, wish("c1"), result("c2")), "must be a response to a preceeding message"),
        (chat(USER, wish("c1"), result("c1"), result("c1")), "must be a response to a preceeding message"),
        (chat(USER, stream_options={"include_usage": True}), "only allowed when 'stream'"),
        (chat(USER, model="gpt-5", max_tokens=5), "Use 'max_completion_tokens'"),
        (chat(USER, max_completion_tokens=0), "Expected a value >= 1"),
        (chat(USER, max_tokens="5"), "Expected a value >= 1"),
        (chat(USER, tool_choice="auto"), "only allowed when 'tools'"),
        (chat(USER, tools=[]), "minimum length 1"),
        (chat(USER, tools=["x"]), "'tools[0].type'"),
        (chat(USER, tools=[{"type": "function"}]), "Missing required parameter: 'tools[0].function'"),
        (chat(USER, tools=function("look at")), "does not match pattern"),
        (chat(USER, tools=function(schema={"type": "string"})), "must be a JSON Schema of 'type"),
        (chat(USER, tools=function(strict=True)), "'additionalProperties' is required"),
        (chat(USER, response_format="json"), "Invalid value: 'None'"),
        (chat(USER, response_format={"type": "yaml"}), "Invalid value: 'yaml'"),
        (chat(USER, response_format={"type": "json_schema"}), "json_schema.name"),
        (chat(USER, response_format={"type": "json_schema", "json_schema": {"name": "a b", "schema": {}}}), "pattern"),
        (chat(USER, response_format={"type": "json_schema", "json_schema": {"name": "a"}}), "schema'"),
        (
            chat(
                USER,
                response_format={
                    "type": "json_schema",
                    "json_schema": {"name": "a", "schema": OBJECT, "strict": True},
                },
            ),
            "Invalid schema for response_format 'a'",
        ),
        (first(Chat(), {"messages": [USER]}), "model"),
        (first(Chat(), {"model": "m"}), "Missing required parameter: 'messages'"),
    ],
)
def test_a_chat_that_is_not_legal_is_refused(problem: str, says: str) -> None:
    assert says in problem
