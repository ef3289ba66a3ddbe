"""Words: how names and texts fall apart, and what of a query is looked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.tools.search.synonyms import SYNONYMS
from remit.tools.search.words import MOST, meanings, wanted, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("create_pull_request", ["create", "pull", "request"]),
        ("create-pull-request", ["create", "pull", "request"]),
        ("createPullRequest", ["create", "pull", "request", "createpullrequest"]),
        ("parseHTMLPage", ["parse", "html", "page", "parsehtmlpage"]),
        ("ec2Instance_v2", ["ec2", "instance", "ec2instance", "v2"]),
        ("GitHub", ["git", "hub", "github"]),
        ("Über straße", ["über", "strasse"]),
        ('"AND" (NEAR* ^x)', ["and", "near", "x"]),
        ("__ -- \x00", []),
    ],
)
def test_a_name_falls_into_its_parts(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_words_that_say_nothing_are_left_out_of_a_query_that_has_others() -> None:
    assert wanted("Please show me all of the issues, the issues!") == ["show", "issues"]
    assert wanted("what is it") == ["what", "is", "it"]
    assert len(wanted(" ".join(f"w{number}" for number in range(1000)))) == MOST


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("fetch", ["get"]),
        ("Fetches", ["get"]),
        ("removing", ["delete"]),
        ("stopped", ["cancel"]),
        ("creates", ["create"]),
        ("retrieved get read", ["get"]),
        ("issue", []),
        ("ed s ing", []),
    ],
)
def test_verbs_are_known_by_their_forms(said: str, meant: list[str]) -> None:
    assert meanings(words(said)) == meant


def test_the_first_word_of_a_group_means_itself() -> None:
    assert all(SYNONYMS[meaning] == meaning for meaning in SYNONYMS.values())


@given(st.text())
def test_any_text_becomes_words_of_letters_and_digits(text: str) -> None:
    assert all(word.isalnum() for word in words(text))
