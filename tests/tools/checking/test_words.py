"""Words: refusals in the forms that servers give them, and whether a model can act on them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.tools.checking.words import blamed, of_arguments, plainly_blamed, trace, unusable


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (
            '400 Bad Request: {"errorMessages": [], "errors": {"priority": "is gone", "cf_1": ["x"]}}',
            ["priority", "cf_1"],
        ),
        ('422: {"detail": [{"loc": ["body", "items", 0, "name"], "msg": "Field required"}]}', ["body.items.name"]),
        ('{"errors": [{"pointer": "#/fields/a/0", "detail": "x"}]}', ["fields.a"]),
        ('400: {"message": "Validation Failed", "errors": [{"resource": "Issue", "field": "title"}]}', ["title"]),
        ('[{"param": "page", "msg": "too high"}]', ["page"]),
        ("nothing of that kind", []),
        ('{"cut": "off', []),
        ('{"error": {"code": 7}}', []),
        ('{"field": 7, "path": ""}', []),
    ],
)
def test_fields_are_read_from_the_forms_of_errors(text: str, names: list[str]) -> None:
    assert plainly_blamed(text) == names


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Field 'title' cannot be set.", "title"),
        ("title is required", "title"),
        ("title: is required", "title"),
        ('400: {"errorMessages": ["The value for `title` is wrong"]}', "title"),
    ],
)
def test_names_are_read_from_sentences(text: str, name: str) -> None:
    assert blamed(text)[0] == name


@pytest.mark.parametrize(
    "text",
    [
        "Traceback (most recent call last):",
        "got <class 'int'>",
        'File "/app/main.py", line 7, in go',
        "java.lang.IllegalStateException\n\tat org.x.Main.go(Main.java:7)",
    ],
)
def test_tracebacks_of_several_languages_are_known(text: str) -> None:
    assert trace(text)
    assert unusable(text, (), "").startswith("shows a traceback")


@pytest.mark.parametrize(
    ("text", "names", "problem"),
    [
        ("", (), "says nothing"),
        ("a: is required", ("a",), ""),
        ("a: is required", ("b", "c"), "does not name `b`"),
        ("pydantic_core.ValidationError: a", ("a",), "names the class pydantic_core.ValidationError"),
        ("a: should be one of NotFoundError", ("a",), ""),
        ("an Error or an Exception in a", ("a",), ""),
    ],
)
def test_a_model_needs_words_that_name_the_field_and_no_classes(
    text: str, names: tuple[str, ...], problem: str
) -> None:
    assert unusable(text, names, '["NotFoundError"]').startswith(problem)
    assert bool(unusable(text, names, '["NotFoundError"]')) is bool(problem)


def test_words_of_libraries_about_arguments_are_told_from_others() -> None:
    assert of_arguments("1 validation error for go")
    assert of_arguments("Input validation error: 'a' is required")
    assert not of_arguments("404 Not Found: no such issue")


@given(st.text())
def test_any_text_can_be_read(text: str) -> None:
    assert isinstance(blamed(text), list)
    assert isinstance(unusable(text, (), ""), str)
