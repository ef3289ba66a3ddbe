"""Filling: a value of a schema says yes or no in the schema's own words."""

from random import Random
from typing import Annotated, Any, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from remit.core.values import JsonObject, JsonValue
from remit.testing.filling import Filler, filled


class Finding(msgspec.Struct):
    """What is wrong."""

    text: str
    weight: Annotated[int, msgspec.Meta(ge=1, le=3)] = 1


class Critique(msgspec.Struct):
    """A judge's view."""

    findings: list[Finding]
    right: bool
    wrong: bool
    verdict: Literal["sure", "likely", "impossible"]
    score: Annotated[float, msgspec.Meta(ge=-1, le=1)]
    program: str
    reason: str | None = None


class Tree(BaseModel):
    """One that refers to itself, as pydantic writes it."""

    kind: Literal["tree"]
    thoughts: list[str] = Field(min_length=2, max_length=2)
    left: "Leaf | None"
    number: int


class Leaf(BaseModel):
    """An end."""

    size: int


def filler(*, approves: bool, seed: int = 0) -> Filler:
    return Filler(approves=approves, lots=Random(seed), answer=lambda: "an answer", remark=lambda: "a remark")


def of(kind: Any, *, approves: bool, seed: int = 0) -> Any:
    return filled(msgspec.json.schema(kind), filler(approves=approves, seed=seed))


@given(st.booleans(), st.integers())
def test_what_is_filled_in_has_the_shape(approves: bool, seed: int) -> None:  # noqa: FBT001 - a law over both
    msgspec.convert(of(Critique, approves=approves, seed=seed), Critique)
    schema: JsonObject = Tree.model_json_schema()
    Tree.model_validate(filled(schema, filler(approves=approves, seed=seed)))


def test_yes_and_no_are_said_in_the_words_of_the_schema() -> None:
    yes, no = of(Critique, approves=True), of(Critique, approves=False)
    assert (yes["findings"], yes["right"], yes["wrong"], yes["verdict"]) == ([], True, False, "sure")
    assert (len(no["findings"]), no["right"], no["wrong"], no["verdict"]) == (1, False, True, "impossible")
    assert yes["score"] > 0.3
    assert no["score"] < -0.3
    assert (no["program"], no["reason"], no["findings"][0]["text"]) == ("an answer", "a remark", "a remark")


@pytest.mark.parametrize(
    ("schema", "yes", "no"),
    [
        ({"enum": ["a", "b"]}, "a", "b"),
        ({"const": 7}, 7, 7),
        ({"type": "null"}, None, None),
        ({}, "an answer", "an answer"),
        ({"type": "array", "items": {"type": "string"}}, ["an answer"] * 3, ["an answer"] * 3),
        ({"type": "object"}, {}, {}),
        ({"oneOf": [{"type": "boolean"}]}, True, False),
        ({"type": "object", "properties": {"done": {"type": "boolean"}}}, {"done": False}, {"done": False}),
    ],
)
def test_plain_schemas_are_filled_too(schema: JsonObject, yes: JsonValue, no: JsonValue) -> None:
    assert filled(schema, filler(approves=True)) == yes
    assert filled(schema, filler(approves=False)) == no


def test_numbers_without_bounds_are_a_mark_or_a_chance() -> None:
    assert filled({"type": "integer"}, filler(approves=True)) in range(7, 11)
    assert filled({"type": "integer"}, filler(approves=False)) in range(4)
    chance = filled({"type": "number"}, filler(approves=True))
    assert isinstance(chance, float)
    assert 0.6 < chance <= 1
