"""Fitting: where and why a value does not fit, by its exact path."""

import pytest

from remit.core.errors import ConfigError
from remit.core.values import JsonObject, JsonValue
from remit.tools.checking.fitting import Fitting, difference, unlisted
from remit.tools.checking.schemas import Path, shown


def problems(schema: JsonObject, value: JsonValue) -> list[tuple[str, str]]:
    return [(shown(one.path), one.text) for one in Fitting(schema).problems(value)]


@pytest.mark.parametrize(
    ("schema", "value", "told"),
    [
        ({"required": ["a"]}, {}, [("a", "is missing; there is nothing")]),
        ({"properties": {"b": {}}, "additionalProperties": False}, {"a": 1}, [("a", "is not in the schema; it is 1")]),
        ({"type": ["string", "null"]}, 1, [("", "should be null or string; it is 1")]),
        ({"enum": [1]}, "x" * 99, [("", f'is none of the values that the schema lists; it is "{"x" * 79}...')]),
        ({"items": {"minimum": 3}}, [1, 4, 2], [("[0]", "breaks `minimum`; 1 is less than the minimum of 3")]),
        (
            {"anyOf": [{"type": "null"}, {"type": "object", "properties": {"a": {"type": "integer"}}}]},
            {"a": "1"},
            [("a", 'should be integer; it is "1"')],
        ),
        ({"oneOf": [{}, {"type": "integer"}]}, 1, [("", "fits several of 2 forms; it must fit one")]),
    ],
)
def test_a_problem_is_told_with_its_place(schema: JsonObject, value: JsonValue, told: list[tuple[str, str]]) -> None:
    assert problems(schema, value) == told


def test_what_is_no_json_fits_nothing_and_is_told() -> None:
    odd: JsonValue = {"a": {1, 2}}  # pyright: ignore[reportAssignmentType] - a tool may give anything
    fitting = Fitting({"type": "object", "properties": {"a": {"type": "string"}}})
    assert not fitting.fits(odd)
    assert "is no JSON" in fitting.problems(odd)[0].text


def test_a_schema_that_is_none_or_leads_out_is_refused() -> None:
    wrong: list[JsonObject] = [{"type": 7}, {"$ref": "http://127.0.0.1:1/x"}]
    for schema in wrong:
        with pytest.raises(ConfigError, match="it is not JSON Schema"):
            Fitting(schema)


@pytest.mark.parametrize(
    ("one", "other", "path"),
    [
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 2}]}, None),
        ({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3}]}, ("a", 1, "b")),
        ({"a": 1}, {"a": 1, "b": 2}, ("b",)),
        ([1], [1, 2], ()),
        (1, True, ()),
        (1, 1.0, None),
    ],
)
def test_the_first_difference_is_found(one: JsonValue, other: JsonValue, path: Path | None) -> None:
    assert difference(one, other) == path


def test_a_renamed_field_is_suspected_only_where_one_is_missing_too() -> None:
    schema: JsonObject = {"properties": {"a": {}, "b": {}}}
    assert list(unlisted(schema, {"a": 1, "b": 1, "c": 1})) == []
    assert list(unlisted(schema, {"a": 1})) == []
    assert len(list(unlisted(schema, {"a": 1, "c": 1}))) == 1
    assert list(unlisted({}, {"c": 1})) == list(unlisted(schema, [1])) == []
