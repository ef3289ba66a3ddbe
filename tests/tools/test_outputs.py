"""What a return annotation promises, and that the promise is kept by what is written."""

import datetime
import decimal
import enum
import ipaddress
import math
import pathlib
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Never, NotRequired, Optional, TypedDict, cast

import jsonschema_rs
import msgspec
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, computed_field, field_serializer

from remit.core.ports import ToolContext
from remit.core.values import JsonObject, JsonValue
from remit.tools import FunctionTool, jsonable, tool
from remit.tools.outputs import promised


class Colour(enum.Enum):
    RED = "red"
    PAIR = (1, 2)


class Rank(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Address(BaseModel):
    model_config = ConfigDict(extra="forbid")
    street: str = Field(serialization_alias="road")
    number: int | None = None


class Person(BaseModel):
    name: str
    born: datetime.date
    seen: datetime.datetime | None = None
    homes: Sequence[Address] = ()
    secret: str = Field("s", exclude=True)
    rank: Rank = Rank.LOW

    @computed_field
    @property
    def title(self) -> str:
        return self.name.title()


class Stamped(BaseModel):
    at: datetime.datetime
    took: datetime.timedelta

    @field_serializer("at")
    def _at(self, at: datetime.datetime):  # noqa: ANN202 - this is about a serializer that does not say what it gives
        return at.year


class Seconds(BaseModel):
    model_config = ConfigDict(ser_json_timedelta="float")
    took: datetime.timedelta


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"
    barks: bool


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int


class Owner(BaseModel):
    pet: Annotated[Dog | Cat, Field(discriminator="kind")]


@dataclass
class Box:
    wide: float
    label: Annotated[str, Field(alias="LABEL")]
    shared: ClassVar[int] = 1
    tags: frozenset[str] = frozenset()
    inside: Optional["Box"] = None
    hidden: str = field(default="h", repr=False)


@dataclass
class Seeded:
    seed: InitVar[int]
    grown: int = 0

    def __post_init__(self, seed: int) -> None:
        self.grown = seed


@pydantic.dataclasses.dataclass
class Aliased:
    label: Annotated[str, Field(serialization_alias="LABEL")]


class Row(TypedDict):
    id: uuid.UUID
    price: decimal.Decimal
    note: NotRequired[str]


class Pair(NamedTuple):
    left: int
    right: str


class Leaf(msgspec.Struct, rename="camel", tag="leaf", omit_defaults=True):
    leaf_size: int
    next: "Leaf | None" = None
    when: datetime.time = datetime.time(1)


class Tree(msgspec.Struct):
    leaves: list[Leaf]
    owner: Person | None = None


class Holder(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True)
    leaf: Leaf


Numbered = Annotated[int, PlainSerializer(str)]
integers = st.integers(-(2**63), 2**64 - 1)
floats = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(max_size=5)
addresses = st.builds(Address, street=texts, number=st.none() | integers)
people = st.builds(
    Person, name=texts, born=st.dates(), seen=st.none() | st.datetimes(), homes=st.lists(addresses, max_size=2)
)
leaves = st.recursive(
    st.builds(Leaf, integers, st.none(), st.times()), lambda inner: st.builds(Leaf, integers, inner, st.times())
)
boxes = st.recursive(
    st.builds(Box, floats, texts, st.frozensets(texts)),
    lambda inner: st.builds(Box, floats, texts, st.frozensets(texts), inner),
)


class Shelf(TypedDict, total=False):
    rows: "list[Row] | None"
    below: "Shelf"
    near: Annotated[Row, "near"]


rows: st.SearchStrategy[Row] = st.fixed_dictionaries(
    {"id": st.uuids(), "price": st.decimals()}, optional={"note": texts}
).map(lambda row: cast("Row", row))

shelves = st.recursive(
    st.fixed_dictionaries({}, optional={"rows": st.none() | st.lists(rows, max_size=2), "near": rows}),
    lambda inner: st.fixed_dictionaries({"below": inner}),
)

CASES: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "text": (str, texts),
    "number": (float, floats | integers),
    "whole number": (int, integers),
    "nothing": (type(None), st.none()),
    "maybe": (int | None, st.none() | integers),
    "date": (datetime.date, st.dates()),
    "moment": (datetime.datetime, st.datetimes(timezones=st.none() | st.just(datetime.UTC))),
    "time": (datetime.time, st.times()),
    "span": (datetime.timedelta, st.timedeltas()),
    "decimal": (decimal.Decimal, st.decimals()),
    "limited decimal": (Annotated[decimal.Decimal, Field(max_digits=3, decimal_places=1)], st.just(decimal.Decimal(1))),
    "uuid": (uuid.UUID, st.uuids()),
    "path": (pathlib.Path, texts.map(pathlib.Path)),
    "address": (ipaddress.IPv4Address, st.ip_addresses(v=4)),
    "enum": (Colour, st.sampled_from(Colour)),
    "whole enum": (Rank, st.sampled_from(Rank)),
    "literal": (Literal["a", 1, None], st.sampled_from(["a", 1, None])),
    "bytes inside": (list[bytes], st.lists(texts.map(str.encode))),
    "set": (set[str | bytes], st.sets(texts | texts.map(str.encode))),
    "tuple": (tuple[int, str], st.tuples(integers, texts)),
    "tuples": (tuple[int, ...], st.lists(integers).map(tuple)),
    "pair": (Pair, st.builds(Pair, integers, texts)),
    "sequence": (Sequence[int], st.lists(integers)),
    "iterable": (Iterable[int], st.lists(integers)),
    "keys of dates": (dict[datetime.date, int], st.dictionaries(st.dates(), integers)),
    "keys of numbers": (dict[int, str], st.dictionaries(integers, texts)),
    "keys of enums": (dict[Rank, int], st.dictionaries(st.sampled_from(Rank), integers)),
    "keys of literals": (Mapping[Literal["a", "b"], int], st.dictionaries(st.sampled_from(["a", "b"]), integers)),
    "serialized": (list[Numbered], st.lists(integers)),
    "model": (Person, people),
    "models": (dict[str, list[Person]], st.dictionaries(texts, st.lists(people, max_size=2), max_size=2)),
    "own serializer": (Stamped, st.builds(Stamped, at=st.datetimes(), took=st.timedeltas())),
    "seconds": (Seconds, st.builds(Seconds, took=st.timedeltas())),
    "tagged": (Owner, st.builds(Owner, pet=st.builds(Dog, barks=st.booleans()) | st.builds(Cat, lives=integers))),
    "dataclass": (Box, boxes),
    "seeded": (Seeded, st.builds(Seeded, integers)),
    "pydantic dataclass": (list[Aliased], st.lists(st.builds(Aliased, texts))),
    "typed dict": (list[Row], st.lists(rows)),
    "typed dicts": (dict[str, Shelf], st.dictionaries(texts, shelves)),
    "struct": (Leaf, leaves),
    "structs": (Tree, st.builds(Tree, st.lists(leaves, max_size=2), st.none() | people)),
    "struct in a model": (Holder, st.builds(Holder, leaf=leaves)),
    "struct or list": (Leaf | list[Leaf], leaves | st.lists(leaves, max_size=2)),
}


@pytest.mark.parametrize("case", CASES)
@settings(max_examples=40)
@given(data=st.data())
def test_what_is_written_of_a_value_fits_what_its_type_promises(case: str, data: st.DataObject) -> None:
    kind, values = CASES[case]
    schema = promised(kind)
    assert schema is not None
    written = jsonable(data.draw(values))
    jsonschema_rs.validator_for(schema, validate_formats=True).validate(written)


@pytest.mark.parametrize(
    ("kind", "wrong"),
    [
        (Person, {"name": "Ann"}),
        (Leaf, {"leafSize": 1}),
        (Box, {"wide": "1", "LABEL": "x"}),
        (list[Row], [{"id": 1}]),
        (Owner, {"pet": {"kind": "cow"}}),
        (Colour, "green"),
        (dict[int, int], {"1": "x"}),
        # What is written as text although it is a number is a broken promise.
        (float, jsonable(math.nan)),
        (int, jsonable(2**64)),
    ],
)
def test_what_does_not_fit_is_seen(kind: object, wrong: object) -> None:
    schema = promised(kind)
    assert schema is not None
    assert not jsonschema_rs.is_valid(schema, wrong)


def test_a_promise_is_as_short_as_a_schema_of_arguments() -> None:
    assert promised(list[Address]) == {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {
                "road": {"type": "string"},
                "number": {"anyOf": [{"type": "integer"}, {"type": "null"}], "default": None},
            },
            "required": ["road", "number"],
        },
    }
    assert promised(Leaf | None) == {
        "anyOf": [
            {
                "type": "object",
                "properties": {
                    "leaf_size": {"type": "integer"},
                    "next": {"anyOf": [{}, {"type": "null"}]},
                    "when": {"type": "string"},
                },
                "required": ["leaf_size", "next", "when"],
            },
            {"type": "null"},
        ]
    }


class Unknown: ...


@pytest.mark.parametrize(
    "kind",
    [
        Any,
        object,
        dict,
        list,
        dict[str, Any],
        list[Any],
        JsonValue,
        JsonObject,
        pydantic.JsonValue,
        Never,
        Unknown,
        list[Unknown],
        Callable[[], int],
        "Nowhere",
    ],
)
def test_a_type_that_says_nothing_or_that_json_does_not_know_promises_nothing(kind: object) -> None:
    assert promised(kind) is None


@pytest.mark.parametrize("kind", [Awaitable[int], Coroutine[Any, Any, int]])
def test_what_is_awaited_is_what_counts(kind: object) -> None:
    assert promised(kind) == {"type": "integer"}


def test_a_tool_promises_what_its_function_is_annotated_with() -> None:
    @tool
    async def find(name: str) -> Person | None: ...

    def untold(name: str): ...  # noqa: ANN202 - on purpose

    assert find.spec.output == promised(Person | None)
    assert FunctionTool(untold).spec.output is None


async def test_a_result_that_breaks_the_promise_is_still_the_result() -> None:
    @tool
    def count() -> int:
        return "many"  # pyright: ignore[reportReturnType] - functions do

    assert count.spec.output == {"type": "integer"}
    assert await count.call({}, ToolContext()) == "many"
