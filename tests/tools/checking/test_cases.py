"""Cases: what a schema calls right fits it, what it calls wrong does not, and the same seed gives the same ones."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remit.core.values import JsonObject, JsonValue
from remit.tools.checking.cases import Case, Cases, laid
from remit.tools.checking.schemas import shown

ORDER: JsonObject = {
    "type": "object",
    "required": ["id", "lines"],
    "properties": {
        "id": {"type": "string", "pattern": "^[A-Z]{2}-[0-9]+$"},
        "when": {"type": "string", "format": "date"},
        "price": {"type": "number", "exclusiveMinimum": 0, "maximum": 10},
        "step": {"type": "integer", "multipleOf": 5, "minimum": 5},
        "who": {"anyOf": [{"$ref": "#/$defs/Person"}, {"type": "null"}]},
        "tags": {
            "type": "array",
            "items": {"enum": ["a", "b", "c"]},
            "minItems": 1,
            "maxItems": 3,
            "uniqueItems": True,
        },
        "lines": {"type": "array", "minItems": 1, "items": {"allOf": [{"$ref": "#/$defs/Line"}]}},
        "pair": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}], "minItems": 2},
        "free": {"type": "object", "additionalProperties": {"type": "integer"}},
        "fixed": {"const": 7},
        "any": {},
        "never": False,
        "tree": {"$ref": "#/$defs/Tree"},
    },
    "additionalProperties": False,
    "$defs": {
        "Person": {"type": "object", "required": ["name"], "properties": {"name": {"type": "string", "minLength": 2}}},
        "Line": {
            "type": "object",
            "required": ["count"],
            "properties": {"count": {"type": "integer", "minimum": 1}, "gift": {"type": ["boolean", "null"]}},
            "additionalProperties": False,
        },
        "Tree": {"type": "object", "properties": {"left": {"$ref": "#/$defs/Tree"}, "size": {"type": "integer"}}},
    },
}


def of_phase(cases: list[Case], phase: str) -> list[Case]:
    return [case for case in cases if case.phase == phase]


def test_every_argument_is_tried_alone_with_each_value_and_each_bound() -> None:
    cases = Cases(ORDER, 0)
    assert cases.minimal is not None
    assert msgspec.json.encode(cases.minimal["lines"]) == b'[{"count":1}]'
    found = list(cases.valid(10))
    assert all(cases.fits(case.args) for case in found)
    optional = {shown(case.path) for case in of_phase(found, "optional")}
    assert optional == {
        "when", "price", "step", "who", "tags", "pair", "free", "fixed", "any", "tree",
        "lines[0].gift", "tree.left", "tree.size", "tree.left.left", "tree.left.size",
    } | {name for name in optional if name.startswith("tree.left.left")}  # fmt: skip
    values = {(shown(case.path), case.what) for case in of_phase(found, "values")}
    assert values >= {
        ("price", "10"), ("who", "null"), ("who.name", '"te"'),
        ("tags[0]", '"b"'), ("tags[0]", '"c"'), ("lines[0].gift", "null"),
    }  # fmt: skip
    assert any(shown(case.path) == "tags" and len(str(case.args["tags"])) == len("['a', 'b', 'c']") for case in found)
    assert 8 <= len(of_phase(found, "random")) <= 10, "those that were tried before are left out"


def test_wrong_calls_are_wrong_in_the_one_argument_that_they_name() -> None:
    cases = Cases(ORDER, 0)
    found = list(cases.invalid())
    assert not any(cases.fits(case.args) for case in found)
    told = {(shown(case.path), case.what) for case in found}
    assert told >= {
        ("no_such_argument", "is an argument that there is not"),
        ("lines[0].no_such_argument", "is an argument that there is not"),
        ("id", "is missing"), ("lines[0].count", "is missing"), ("who.name", "is missing"),
        ("id", 'is {"wrong":"type"}'), ("lines", 'is "wrong"'), ("price", "is 0"), ("price", "is 11"),
        ("step", "is 4"), ("who.name", 'is "t"'), ("tags", "is []"), ("tags[0]", 'is "no-such-value"'),
        ("lines[0].count", "is 0"), ("fixed", 'is "no-such-value"'),
    }  # fmt: skip


def test_a_refusal_of_a_form_among_several_may_name_what_holds_it() -> None:
    cases = Cases(ORDER, 0)
    named = {shown(case.path): cases.named(case) for case in cases.invalid()}
    assert named["who.name"] == ["name", "who"]
    assert named["lines[0].count"] == ["count"]


@pytest.mark.parametrize("seed", [7])
def test_the_same_seed_gives_the_same_calls_whatever_the_hash_seed(seed: int, tmp_path: Path) -> None:
    (tmp_path / "schema.json").write_bytes(msgspec.json.encode(ORDER))
    script = (
        "import sys, msgspec\n"
        "from remit.tools.checking.cases import Cases\n"
        "cases = Cases(msgspec.json.decode(open(sys.argv[1]).read()), int(sys.argv[2]))\n"
        "sys.stdout.buffer.write(msgspec.json.encode([list(cases.valid(10)), list(cases.invalid())]))\n"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", script, "schema.json", str(seed)], cwd=tmp_path, capture_output=True, check=True,
            env=os.environ | {"PYTHONHASHSEED": number},
        ).stdout
        for number in ("1", "2")
    }  # fmt: skip
    assert len(said) == 1


def test_examples_are_laid_into_their_arguments_and_into_parts_of_them() -> None:
    person: JsonObject = {"who": {"name": "Ann"}, "id": "XX-1", "strange": 1}
    cases = Cases(ORDER, 0, [person])
    assert cases.minimal is not None
    assert cases.minimal["id"] == "XX-1"
    found = list(cases.valid(20))
    assert {case.args["id"] for case in found} == {"XX-1"}  # pyright: ignore[reportUnhashable] - they are texts
    given_ = [case.args["who"] for case in found if case.args.get("who")]
    assert [one for one in given_ if one != {"name": "Ann"}] == []


def test_a_reference_that_leads_to_itself_or_nowhere_ends() -> None:
    for ref in ("#/$defs/A", "#/$defs/none"):
        schema: JsonObject = {
            "type": "object", "properties": {"a": {"$ref": ref}}, "$defs": {"A": {"$ref": "#/$defs/A"}, "none": {}}
        }  # fmt: skip
        cases = Cases(schema, 0)
        assert cases.minimal == {}
        assert list(cases.valid(3))


def test_laying_arguments_over_others_goes_into_objects() -> None:
    assert laid({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"c": 4}, "d": {"e": 5}}) == {
        "a": {"b": 1, "c": 4},
        "d": {"e": 5},
    }
    assert laid({"a": 1}, None) == {"a": 1}


def whole(low: int, more: int) -> JsonObject:
    return {"type": "integer", "minimum": low, "maximum": low + more}


def text(low: int, more: int) -> JsonObject:
    return {"type": "string", "minLength": low, "maxLength": low + more}


def below(high: int) -> JsonObject:
    return {"type": "number", "exclusiveMaximum": high}


def one_of(values: list[JsonValue]) -> JsonObject:
    return {"enum": values}


def closed(properties: dict[str, JsonValue], required: list[str]) -> JsonObject:
    known: list[JsonValue] = [name for name in required if name in properties]
    return {"type": "object", "properties": properties, "required": known, "additionalProperties": False}


def several(items: JsonObject, least: int) -> JsonObject:
    return {"type": "array", "items": items, "minItems": least}


def either(one: JsonObject, other: JsonObject) -> JsonObject:
    return {"anyOf": [one, other]}


PLAIN: list[JsonObject] = [{"type": "boolean"}, {"type": ["string", "null"]}, {"type": "null"}, {}]
NUMBERS, COUNTS, NAMES = st.integers(-9, 9), st.integers(0, 9), st.sampled_from(["a", "b", "c"])
LEAVES = st.one_of(
    st.builds(whole, NUMBERS, COUNTS),
    st.builds(text, COUNTS, COUNTS),
    st.builds(below, NUMBERS),
    st.builds(one_of, st.lists(COUNTS, min_size=1, unique=True)),
    st.sampled_from(PLAIN),
)


def nested(inner: st.SearchStrategy[JsonObject]) -> st.SearchStrategy[JsonObject]:
    return st.one_of(
        st.builds(closed, st.dictionaries(NAMES, inner, max_size=3), st.lists(NAMES, unique=True)),
        st.builds(several, inner, st.integers(0, 2)),
        st.builds(either, inner, inner),
    )


@settings(suppress_health_check=[HealthCheck.nested_given], max_examples=20, deadline=None)
@given(st.recursive(LEAVES, nested, max_leaves=6))
def test_any_schema_gives_right_calls_that_fit_and_wrong_ones_that_do_not(argument: JsonObject) -> None:
    schema: JsonObject = {"type": "object", "properties": {"x": argument}, "required": ["x"]}
    cases = Cases(schema, 0)
    right, wrong = list(cases.valid(3)), list(cases.invalid())
    assert right, "there is always something that fits these"
    assert all(cases.fits(case.args) for case in right)
    assert not any(cases.fits(case.args) for case in wrong)
    assert any(case.path == ("x",) and case.what == "is missing" for case in wrong)
