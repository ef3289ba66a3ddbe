"""Whatever a conversation holds is written so that every provider can read it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.messages import Outcome
from remit.core.values import JsonObject, JsonValue
from remit.models.wires.legible import NO_OUTPUT, arguments, called, encode, identifier, merged, output, tool_name

_text = st.text(st.characters(codec="utf-8") | st.sampled_from("\ud800\udfff"), max_size=5)
_json: st.SearchStrategy[JsonValue] = st.recursive(
    st.none() | st.booleans() | st.integers() | _text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_text, inner, max_size=3),
    max_leaves=6,
)


@given(_json)
def test_anything_can_be_written(value: JsonValue) -> None:
    read = json.loads(encode(value).decode())
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        assert "?" in json.dumps(read)
    else:
        assert read == value


@pytest.mark.parametrize(
    ("value", "words"),
    [("plain", "plain"), ({"a": [1]}, '{"a":[1]}'), (0, "0"), (False, "false"), (None, NO_OUTPUT), (" \n", NO_OUTPUT)],
)
def test_outputs_are_put_in_words(value: JsonValue, words: str) -> None:
    assert output(Outcome("c", "ok", value)) == words


@given(_text, _text)
def test_ids_are_legal_and_stay_apart(one: str, two: str) -> None:
    first, second = identifier(one, 40), identifier(two, 40)
    assert first.isascii()
    assert 0 < len(first) <= 40
    assert identifier(first, 40) == first
    if one.isascii() and two.isascii():
        assert (first == second) == (one == two)


def test_our_own_ids_stay_as_they_are() -> None:
    assert identifier("c12_4_1_0_2_0", 40) == "c12_4_1_0_2_0"
    assert len(identifier("c" * 41, 40)) == 33


@given(_text)
def test_names_of_tools_are_legal(name: str) -> None:
    legal = tool_name(name)
    assert 0 < len(legal) <= 64
    assert tool_name(legal) == legal


@pytest.mark.parametrize("raw", ['{"a": 1', "[1]", '"x"', "null", "{'a': 1}", "[" * 100_000, '{"a": "\ud800"}'])
def test_arguments_that_are_no_object_are_kept(raw: str) -> None:
    assert arguments(raw) == ({}, raw)
    assert called("t", raw).malformed == raw


def test_arguments_that_are_empty_are_none() -> None:
    assert arguments("") == arguments(" ") == ({}, "")
    assert called("t", '{"a": 1}').args == {"a": 1}


def test_options_are_merged_one_level_deep() -> None:
    ours: JsonObject = {"a": {"x": 1, "y": {"z": 1}}, "b": 1, "c": 1}
    options: JsonObject = {"a": {"y": {}}, "b": None, "c": {"d": 1}, "e": None, "f": 2}
    assert merged(ours, options) == {"a": {"x": 1, "y": {}}, "c": {"d": 1}, "f": 2}
    assert ours["b"] == 1
