import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.values import JsonValue
from remit.strategies.template import BRACES, DOUBLE_BRACES, as_text, fill, references

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
VALUES: dict[str, JsonValue] = {"s1": {"key": "OPS-7", "items": [{"id": 1}, {"id": 2}]}, "s-2": "text"}


@given(JSON)
def test_one_reference_takes_the_value_itself(value: JsonValue) -> None:
    assert fill({"a": ["{{ s1 }}"]}, {"s1": value}, DOUBLE_BRACES) == {"a": [value]}


@given(JSON)
def test_a_template_without_references_stays_as_it_is(template: JsonValue) -> None:
    if not references(template, DOUBLE_BRACES):
        assert fill(template, {}, DOUBLE_BRACES) == template


@given(st.text())
def test_a_value_is_never_read_as_a_template(value: str) -> None:
    assert fill("<{{s1}}>", {"s1": value, "s2": "secret"}, DOUBLE_BRACES) == f"<{value}>"
    assert fill("<{{s1}}>", {"s1": "{{s2}}", "s2": "secret"}, DOUBLE_BRACES) == "<{{s2}}>"


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("{{s1.key}}", "OPS-7"),
        ("{{s1.items.1.id}}", 2),
        ("see {{s1.key}} and {{s-2}}", "see OPS-7 and text"),
        ("all: {{s1.items}}", 'all: [{"id":1},{"id":2}]'),
        ("print(f'{s1}')", "print(f'{s1}')"),
    ],
)
def test_paths_and_text_are_filled_in(template: str, filled: JsonValue) -> None:
    assert fill(template, VALUES, DOUBLE_BRACES) == filled


@pytest.mark.parametrize(
    ("template", "problem"),
    [
        ("{{s9}}", "there is no result named 's9'; there are: s1, s-2"),
        ("{{s1.kee}}", r"\{\{s1.kee\}\}: there is no 'kee'; there are: key, items"),
        ("{{s1.items.2}}", "there is no '2' in a list of 2"),
        ("{{s1.items.id}}", "there is no 'id' in a list of 2"),
        ("a {{s-2.key}}", "there is no 'key' in 'text', which has no parts"),
    ],
)
def test_a_reference_to_nothing_says_what_there_is(template: str, problem: str) -> None:
    with pytest.raises(LookupError, match=problem):
        fill(template, VALUES, DOUBLE_BRACES)


def test_references_are_listed_once_in_order() -> None:
    template: JsonValue = {"a": ["{{b.x}} {{a}}", 1], "c": {"d": "{{b}}"}}
    assert references(template, DOUBLE_BRACES) == ("b", "a")


def test_single_braces_leave_json_and_counts_alone() -> None:
    assert references('{"a": 1} \\d{3} {task} {ticket.key}', BRACES) == ("task", "ticket")


def test_text_is_written_as_it_is_and_the_rest_as_json() -> None:
    assert as_text("a") == "a"
    assert as_text({"a": [None, True]}) == '{"a":[null,true]}'
