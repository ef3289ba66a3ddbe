"""Repair: one way to read it, or a problem a model can act on; never an exception, never a guess."""

import json

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from remit.core.values import JsonValue
from remit.runtime.asking.repair import Read, read_json

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
containers = st.lists(json_values, max_size=4) | st.dictionaries(st.text(), json_values, max_size=4)
hostile = st.text(alphabet="{}[]\"'\\,:`ntrue01 -\n/*a\ud800é", max_size=80)


@given(st.text() | hostile | st.text(alphabet=st.characters(codec=None, exclude_categories=[]), max_size=20))
@example('{"a": "\\')
@example("`" * 50)
@example("[" * 5000)
@example('{"a":' * 5000)
@example("\ud800{")
@example('"\\' * 1000)
@example("1" * 10_000)
@example("{" + "1" * 10_000 + ":1}")
@example("```\n```")
@example('{"a": 1e999}')
@example("[1e999,]")
def test_nothing_makes_it_raise_and_there_is_a_value_or_a_problem_never_both(text: str) -> None:
    read = read_json(text)
    assert read.problem == "" or (read.value is None and "\n" not in read.problem)


@given(json_values)
def test_valid_json_is_read_as_it_is(value: JsonValue) -> None:
    assert read_json(msgspec.json.encode(value).decode()) == Read(value)


@given(containers, st.sampled_from(["", "Sure! ", "Here it is:\n"]), st.sampled_from(["", "\nHope this helps.", " ."]))
def test_a_value_inside_a_fence_or_prose_is_found(value: object, before: str, after: str) -> None:
    body = json.dumps(value)
    for text in (f"{before}{body}{after}", f"{before}```json\n{body}\n```{after}"):
        assert read_json(text).value == value


@pytest.mark.parametrize(
    "text", ['{"a\\ud83d": ["b\\ud800c"]}', 'Sure: {"a\\ud83d": ["b\\ud800c"]}', "{'a\ud83d': ['b\ud800c']}"]
)
def test_half_a_character_becomes_a_question_mark_for_no_journal_could_hold_it(text: str) -> None:
    assert read_json(text) == Read({"a?": ["b?c"]}, "", repaired=True)


@given(containers, st.data())
def test_what_is_cut_off_is_never_read_as_something_shorter(value: JsonValue, data: st.DataObject) -> None:
    body = json.dumps(value)
    cut = data.draw(st.integers(1, len(body) - 1))
    read = read_json(body[:cut])
    if not read.problem:
        # All that is missing can only be closing brackets and what would have followed them.
        assert read.repaired
        assert body[cut - 1] in '"]}els'
        assert _is_prefix(read.value, value)


def _is_prefix(part: JsonValue, whole: JsonValue) -> bool:
    if isinstance(part, dict) and isinstance(whole, dict):
        keys = list(part)
        return keys == list(whole)[: len(keys)] and all(_is_prefix(part[key], whole[key]) for key in keys)
    if isinstance(part, list) and isinstance(whole, list):
        return len(part) <= len(whole) and all(map(_is_prefix, part, whole))
    return part == whole


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": "x"', {"a": "x"}),
        ('{"a": true', {"a": True}),
        ('{"a": [{"b": "c"}', {"a": [{"b": "c"}]}),
        ('```json\n{"a": "b"', {"a": "b"}),
        ('{"a": 1}}', {"a": 1}),
        ("[the] answer: [1]", [1]),
        ("not [NaN] but [1]", [1]),
        ('{"a": 1} or, again: {"a": 1}', {"a": 1}),
        ("{'a': 'b', 'c': None,}", {"a": "b", "c": None}),
        ("{a: 1, // why\n b: True}", {"a": 1, "b": True}),
        ('{"a": "line\nbreak"}', {"a": "line\nbreak"}),
        ('{"a": "he said "hi" to me"}', {"a": 'he said "hi" to me'}),
        ("So: {'a': 1}. Good luck.", {"a": 1}),
        ('{"cmd": \'x\', "opts": {"force": true}}', {"cmd": "x", "opts": {"force": True}}),
        ("```\n{'a': 1}\n```", {"a": 1}),
    ],
)
def test_what_can_be_read_in_one_way_is_mended(text: str, value: JsonValue) -> None:
    assert read_json(text) == Read(value, "", repaired=True)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "not valid JSON"),
        ("I cannot do that.", "not valid JSON"),
        ("use {x} or {y}", "not valid JSON"),
        ("I think [x] and {y: 2}", "not valid JSON"),
        ('"args": {"a": 1}', "not valid JSON"),
        ('{"a": 1}, "b": 2}', "not valid JSON"),
        ('{"a": 1, "b": {"c": 2}, oops', "not valid JSON"),
        ("{'a': 'x", "not valid JSON"),
        ("{'a': 'x}", "not valid JSON"),
        ("{'a': {'b': 1}", "not valid JSON"),
        ('{"a": "x"y"}', "cut off or broken"),
        ("{'a': 1} and {'b': 2}", "not valid JSON"),
        ("[1, 2}", "not valid JSON"),
        ('{"path": "/home/ann/old', "cut off"),
        ('{"path": "/home/ann/old}', "cut off"),
        ('{"path": "a\\', "cut off"),
        ('{"path": "a\\"', "cut off"),
        ('{"count": 1', "cut off"),
        ('{"really": tr', "cut off"),
        ('{"a": "b",', "cut off"),
        ('{"a":', "cut off"),
        ('{"a"', "cut off"),
        ('{"a": 1} {"b": 2}', "there are 2 JSON values"),
        ("```\n[1]\n```\n```\n[2]\n```", "there are 2 JSON values"),
    ],
)
def test_what_could_be_read_in_two_ways_is_sent_back(text: str, problem: str) -> None:
    read = read_json(text)
    assert problem in read.problem
    assert read.value is None


def test_size_and_depth_are_bounded() -> None:
    assert read_json("[" * 64 + "]" * 64).problem == ""
    assert "more than 64 deep" in read_json("[" * 65 + "]" * 65).problem
    assert "more than 2 deep" in read_json('see [[["x"]]] ok', depth=2).problem
    assert "more than 64 deep" in read_json("[" * 100_000).problem
    assert "11 characters long; at most 10" in read_json("x" * 11, cap=10).problem
    assert read_json("1" * 10, cap=10).value == 1111111111


def test_the_slow_last_resort_is_not_tried_on_long_text() -> None:
    body = "{'a': '" + "x" * 20_000 + "'}"
    assert "not valid JSON" in read_json(body).problem
    assert read_json(body[:100] + "'}").value == {"a": "x" * 93}


@pytest.mark.parametrize(
    "unit", ["{", "[", '"', '\\"', '{"a":"', "```\n", "[]", '{"a":1}', "[x]", '{"a": "b" c" ', "{'a"]
)
def test_hostile_text_as_long_as_the_cap_is_no_problem(unit: str) -> None:
    for start in ("", "{", "[ ", "```json\n"):
        assert isinstance(read_json((start + unit * 200_000)[:200_000]), Read)
