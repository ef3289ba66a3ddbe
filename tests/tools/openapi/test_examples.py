"""Examples of a document: those beside a schema are as good as those within it."""

import pytest
from tests.tools.openapi.stand_in import Listening, one, parameter, tool_of

from remit.core.values import JsonObject, JsonValue

TEXT: JsonObject = {"type": "string"}


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ({"example": "T-1"}, ["T-1"]),
        ({"examples": {"a": {"value": "T-1"}, "b": {"value": "T-2"}, "c": {"externalValue": "x"}}}, ["T-1", "T-2"]),
        ({"examples": {}}, None),
        ({}, None),
    ],
)
async def test_examples_that_stand_beside_the_schema_of_a_parameter_are_in_it(
    said: JsonObject, kept: list[str] | None
) -> None:
    declared: JsonValue = {**parameter("id", schema=TEXT), **said}
    api = one({"parameters": [declared]})
    properties = (await tool_of(api, Listening())).spec.schema["properties"]
    assert isinstance(properties, dict)
    taken = properties["id"]
    assert isinstance(taken, dict)
    assert taken.get("examples") == kept
