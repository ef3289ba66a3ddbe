"""What can be declared of a tool, and what is refused."""

from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from remit.core.errors import ConfigError
from remit.core.limits import Flow
from remit.core.values import JsonObject
from remit.tools import FunctionTool, tool


class Room(BaseModel):
    floor: int = Field(ge=0)
    beds: Literal[1, 2] = 1


async def book(guest: str, room: Room, test: bool = False) -> dict[str, str]:  # noqa: FBT001, FBT002 - a tool's argument
    """Book a room."""
    return {"guest": guest, "room": str(room), "test": str(test)}


def test_what_is_declared_is_in_the_contract() -> None:
    spec = tool(
        owner="front desk",
        hosts=["API.example.com", "10.0.0.1:8080", "[::1]:80"],
        flow=Flow(per_second=2),
        labels={"confidential"},
        dry_run={"test": True, "room": {"floor": 0}},
        degraded={"guest": "unknown"},
        deferred=True,
        deprecated="use book_room",
    )(book).spec
    assert (spec.owner, spec.hosts) == ("front desk", ("api.example.com", "10.0.0.1:8080", "[::1]:80"))
    assert (spec.flow, spec.labels) == (Flow(per_second=2), ("confidential",))
    assert spec.dry_run == {"test": True, "room": {"floor": 0}}
    assert (spec.degraded, spec.deferred, spec.deprecated) == ({"guest": "unknown"}, True, "use book_room")


def test_nothing_is_declared_unless_it_is() -> None:
    spec = tool(book).spec
    assert (spec.owner, spec.hosts, spec.flow, spec.labels, spec.dry_run, spec.degraded) == (
        "",
        (),
        None,
        (),
        None,
        None,
    )
    assert (spec.deferred, spec.deprecated, spec.needs) == (False, "", ())


TEXTS: JsonObject = {"type": "object", "additionalProperties": {"type": "string"}}


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, TEXTS),
        ({"output": True}, TEXTS),
        ({"output": False}, None),
        ({"output": {"type": "object"}}, {"type": "object"}),
    ],
)
def test_the_output_is_the_annotations_none_or_the_schema_that_is_given(
    options: dict[str, Any], expected: JsonObject | None
) -> None:
    assert tool(**options)(book).spec.output == expected


def test_to_insist_on_an_annotation_that_says_nothing_is_refused() -> None:
    async def anything() -> dict[str, Any]:
        return {}

    assert tool(anything).spec.output is None
    with pytest.raises(ConfigError, match="'anything': its return annotation says nothing of the output; annotate"):
        tool(output=True)(anything)


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"hosts": "api.example.com"}, "hosts is a list of texts, not 'api.example.com'"),
        ({"hosts": 5}, "hosts is a list of texts, not 5"),
        ({"labels": [1]}, r"labels is a list of texts, not \[1\]"),
        ({"hosts": ["https://api.example.com"]}, "'https://api.example.com' is no host; give its name"),
        ({"hosts": ["example.com/v1"]}, "'example.com/v1' is no host"),
        ({"hosts": [""]}, "'' is no host"),
        ({"labels": ["top secret"]}, "'top secret' is no label; give a word"),
        ({"flow": 5}, "flow is a `Flow`, not 5"),
        ({"owner": None}, "owner is a text, not None"),
        ({"deprecated": True}, "deprecated is a text, not True"),
        ({"deferred": "yes"}, "deferred is True or False, not 'yes'"),
        ({"dangerous": 1}, "dangerous is True or False, not 1"),
        ({"output": "object"}, "output is True, False or a JSON Schema, not 'object'"),
        ({"output": {"type": object}}, "must be plain JSON"),
        ({"degraded": object()}, "degraded, dry_run and output must be plain JSON"),
        ({"degraded": (1, 2)}, "must be plain JSON"),
        ({"dry_run": ["test"]}, r"dry_run is an object of arguments, not \['test'\]"),
        (
            {"dry_run": {"tset": True}},
            "dry_run does not fit its arguments: tset: there is no such argument; known: guest",
        ),
        ({"dry_run": {"test": "perhaps"}}, "dry_run does not fit its arguments: test: should be a valid boolean"),
        ({"dry_run": {"room": {"floor": -1}}}, "room.floor: should be greater than or equal to 0; got -1"),
        ({"dry_run": {"room": {}}}, "room.floor: is required"),
        ({"retires": 3}, "there is no option 'retires'; there are: name, description"),
    ],
)
def test_what_cannot_be_kept_is_refused_with_what_to_do(options: dict[str, Any], why: str) -> None:
    with pytest.raises(ConfigError, match=f"^tool 'book': .*{why}"):
        FunctionTool(book, **options)


@pytest.mark.parametrize("dry_run", [{}, {"test": True}, {"guest": "Nobody", "room": {"floor": 1, "beds": 2}}])
def test_a_dry_run_may_leave_arguments_to_others(dry_run: JsonObject) -> None:
    assert tool(dry_run=dry_run)(book).spec.dry_run == dry_run
