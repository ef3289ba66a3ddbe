"""From a function's signature to a schema, and from JSON to its arguments."""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Optional, cast

import pytest
from pydantic import BaseModel, Field

from remit.core.errors import ConfigError
from remit.core.ports import ToolContext
from remit.core.values import JsonObject
from remit.tools import FunctionTool, tool

NOTHING = object()


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Size:
    wide: int
    high: int = 1


class Line(BaseModel):
    """One line of an order."""

    sku: str
    count: int = Field(1, ge=1)


def order(  # noqa: D417 - what is left out is left out on purpose
    lines: list[Line],
    colour: Colour,
    size: Size,
    context: ToolContext,
    count: Annotated[int, Field(ge=1, le=5, description="how many")] = 1,
    how: Literal["slow", "fast"] = "slow",
) -> list[object]:
    """Order things.

    They come by post.

    Args:
        lines: What to order.
        count: This is overridden by the annotation.
        how: In which way.
        context: This is not for the model.

    """
    return [lines, colour, size, count, how, context.key]


LINE: dict[str, Any] = {
    "type": "object",
    "description": "One line of an order.",
    "properties": {"sku": {"type": "string"}, "count": {"type": "integer", "default": 1, "minimum": 1}},
    "required": ["sku"],
}


def test_the_schema_says_all_a_model_needs_and_no_more() -> None:
    spec = tool(order).spec
    assert spec.name == "order"
    assert spec.description == "Order things.\n\nThey come by post."
    assert spec.schema == {
        "type": "object",
        "additionalProperties": False,
        "required": ["lines", "colour", "size"],
        "properties": {
            "lines": {"type": "array", "items": LINE, "description": "What to order."},
            "colour": {"type": "string", "enum": ["red", "blue"]},
            "size": {
                "type": "object",
                "properties": {"wide": {"type": "integer"}, "high": {"type": "integer", "default": 1}},
                "required": ["wide"],
                "additionalProperties": False,
            },
            "count": {"type": "integer", "minimum": 1, "maximum": 5, "default": 1, "description": "how many"},
            "how": {"type": "string", "enum": ["slow", "fast"], "default": "slow", "description": "In which way."},
        },
    }


async def test_arguments_arrive_as_the_types_the_function_asks_for() -> None:
    seen: list[object] = []

    @tool
    def take(lines: list[Line], colour: Colour, size: Size, m: Optional[int]) -> None:  # noqa: UP045 - both spellings work
        seen.extend([lines, colour, size, m])

    args: dict[str, Any] = {"lines": [{"sku": "a"}], "colour": "blue", "size": {"wide": 2}, "m": None}
    assert take.check(args) == ""
    await take.call(args, ToolContext())
    assert seen == [[Line(sku="a", count=1)], Colour.BLUE, Size(2, 1), None]


async def test_the_context_is_given_and_never_shown() -> None:
    @tool
    async def who(name: str, context: ToolContext | None = None) -> str:
        return f"{name} {context.key if context else 'nobody'}"

    assert who.spec.schema["properties"] == {"name": {"type": "string"}}
    assert "no such argument" in who.check({"name": "Ann", "context": {}})
    assert await who.call({"name": "Ann"}, ToolContext(key="k1")) == "Ann k1"
    assert await who("Ann") == "Ann nobody"


@pytest.mark.parametrize(
    ("args", "problem"),
    [
        ({}, "lines: is required (array)\ncolour: is required (string)\nsize: is required"),
        ({"lines": [{"sku": "a"}, 3], "colour": "red", "size": {"wide": 1}}, "lines[1]: should be an object; got 3"),
        (
            {"lines": [{"sku": "a", "count": 0}], "colour": "red", "size": {"wide": 1}},
            "lines[0].count: should be greater than or equal to 1; got 0",
        ),
        ({"lines": [], "colour": "pink", "size": {"wide": 1}}, "colour: should be 'red' or 'blue'; got \"pink\""),
        ({"lines": [], "colour": "red", "size": {}}, "size.wide: is required"),
        (
            {"lines": [], "colour": "red", "size": {"wide": 1}, "colur": "x" * 99},
            "colur: there is no such argument; known: lines, colour, size, count, how",
        ),
        (
            {"lines": [], "colour": "red", "size": {"wide": 1}, "how": "x" * 99},
            f"how: should be 'slow' or 'fast'; got \"{'x' * 59}...",
        ),
    ],
)
def test_a_refusal_says_where_what_and_what_instead(args: dict[str, Any], problem: str) -> None:
    assert tool(order).check(args).startswith(problem)


def test_members_of_a_union_are_told_apart_by_what_not_by_pydantics_names() -> None:
    @tool
    def pick(which: int | list[int]) -> None: ...

    wrong: JsonObject = {"which": ["x"]}
    problem = pick.check(wrong)
    assert "which: should be a valid integer" in problem
    assert "which[0]: should be a valid integer" in problem


def test_defaults_that_json_cannot_say_and_names_that_pydantic_uses_are_no_problem() -> None:
    @tool
    def odd(model_config: float | None = None, copy: object = NOTHING) -> bool:
        return copy is NOTHING

    number_or_null = {"anyOf": [{"type": "number"}, {"type": "null"}], "default": None}
    assert odd.spec.schema["properties"] == {"model_config": number_or_null, "copy": {}}
    assert odd.check({"model_config": 1.5, "copy": [1]}) == ""


def test_what_a_nested_model_forbids_is_refused_at_its_place() -> None:
    @tool
    def ship(size: Size) -> None: ...

    wrong: JsonObject = {"size": {"wide": 1, "deep": 2}}
    assert ship.check(wrong) == "size.deep: there is no such argument; leave it out"


def test_a_docstring_with_odd_markup_still_describes() -> None:
    def act(a: int) -> None: ...

    act.__doc__ = "Do it.\n\n:param a b c d: broken"
    assert "Do it." in tool(act).spec.description


def test_many_problems_are_cut_short() -> None:
    @tool
    def many(numbers: list[int]) -> None: ...

    wrong: JsonObject = {"numbers": ["x" for _ in range(20)]}
    lines = many.check(wrong).splitlines()
    assert len(lines) == 9
    assert lines[-1] == "... and 12 more"


def test_arguments_of_a_tool_without_any_are_refused() -> None:
    @tool
    def ping() -> str:
        return "pong"

    assert ping.spec.schema == {"type": "object", "properties": {}, "additionalProperties": False}
    assert ping.check({"x": 1}) == "x: there is no such argument; the tool takes none"
    assert ping.check([]).startswith("arguments: should be an object")  # pyright: ignore[reportArgumentType] - as models do


def no_annotation(name) -> None: ...  # noqa: ANN001 # pyright: ignore[reportUnknownParameterType, reportMissingParameterType]


def variable(*names: str) -> None: ...


def keywords(**names: str) -> None: ...


def positional(name: str, /) -> None: ...


def strange(name: str, door: Callable[[], None]) -> None: ...


def unknown(name: "Nowhere") -> None: ...  # noqa: F821 # pyright: ignore[reportUndefinedVariable, reportUnknownParameterType]


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (cast("Callable[..., Any]", no_annotation), "parameter 'name' has no annotation"),
        (variable, r"\*names: str cannot be named by a model"),
        (keywords, r"\*\*names: str cannot be named"),
        (positional, "name: str cannot be named"),
        (strange, "parameter 'door' has a type that cannot be told to a model"),
        (cast("Callable[..., Any]", unknown), "annotation cannot be read: name 'Nowhere' is not defined"),
    ],
)
def test_what_a_model_cannot_fill_in_is_refused_by_name(function: Callable[..., Any], why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        FunctionTool(function)


@pytest.mark.parametrize("text", ["Do it.\n\n:param a: the a", "Do it.\n\nParameters\n----------\na : int\n    the a"])
def test_any_docstring_style_documents_arguments(text: str) -> None:
    def act(a: int) -> None: ...

    act.__doc__ = text
    spec = tool(act).spec
    assert spec.description == "Do it."
    assert spec.schema["properties"] == {"a": {"type": "integer", "description": "the a"}}
