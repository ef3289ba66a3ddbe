"""Schemas: what the providers do not take is found at any depth."""

import pytest
from tests.testing.server.dialects.requests import OBJECT, STRICT

from remit.core.values import JsonObject
from remit.testing.server.dialects import legal_chat, legal_messages, legal_responses
from remit.testing.server.dialects.chat import Chat
from remit.testing.server.dialects.messages import Messages
from remit.testing.server.dialects.port import Dialect
from remit.testing.server.dialects.responses import Responses
from remit.testing.server.dialects.schemas import anthropic_strict, openai_strict


@pytest.mark.parametrize(
    ("schema", "says"),
    [
        (STRICT, ""),
        ({**STRICT, "$defs": {"b": STRICT}, "properties": {"a": {"anyOf": [{"$ref": "#/$defs/b"}, STRICT]}}}, ""),
        ({"anyOf": [STRICT]}, "must be a JSON Schema of 'type"),
        ({**STRICT, "required": []}, "Missing 'a'"),
        ({**STRICT, "required": ["a", "b"]}, "Extra required key 'b'"),
        ({**STRICT, "properties": {"a": {"type": "string", "default": "x"}}}, "'default' is not permitted"),
        ({**STRICT, "properties": {"a": {"$ref": "#", "description": "x"}}}, "$ref cannot have keywords"),
        ({**STRICT, "properties": {"a": {"type": "array", "items": OBJECT}}}, "'additionalProperties' is required"),
        ({**STRICT, "properties": {"a": {"type": ["object", "null"]}}}, "'additionalProperties' is required"),
        ({**STRICT, "$defs": {"b": OBJECT}}, "'additionalProperties' is required"),
    ],
)
def test_openai_is_strict_about_schemas(schema: JsonObject, says: str) -> None:
    problem = next(openai_strict(schema), "")
    assert says in problem
    assert bool(problem) == bool(says)


def test_anthropic_is_strict_about_other_things() -> None:
    assert not list(anthropic_strict(STRICT))
    assert list(anthropic_strict({**STRICT, "properties": {"a": {"type": "integer", "minimum": 3}}})) == [
        "For 'integer' type, property 'minimum' is not supported"
    ]
    assert "'additionalProperties' must be" in next(anthropic_strict(OBJECT))


@pytest.mark.parametrize(
    ("dialect", "fields"),
    [
        (Chat(), legal_chat.FIELDS),
        (Responses(), legal_responses.FIELDS),
        (Messages(), legal_messages.FIELDS),
    ],
)
def test_fields_that_a_provider_does_not_know_are_named(dialect: Dialect, fields: frozenset[str]) -> None:
    assert not list(dialect.unknown(dict.fromkeys(fields)))
    problems = list(dialect.unknown({"model": "m", "grammar": "x"}))
    assert len(problems) == 1
    assert "grammar" in problems[0].param + problems[0].message
