"""What a message is about is said in a line, whatever it carries."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.telemetry.words import about

MAIL = json.dumps({"mail": {"message_id": "1@x", "subject": "My grinder\n broke", "text": "subject: {other}"}})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Where is my order?\nI wait.", "Where is my order? I wait."),
        (f"A mail has come in. {MAIL}", "My grinder broke"),
        (f"A mail has come in. {MAIL}\n\nann: refund it", "My grinder broke"),
        ('{"title": "Printer on fire", "priority": 1}', "Printer on fire"),
        ('Do {"a": {"b": {"subject": "too far inside"}}}', 'Do {"a": {"b": {"subject": "too far inside"}}}'),
        ('Do {"subject": " "}', 'Do {"subject": " "}'),
        ("Do {this} and {that}", "Do {this} and {that}"),
    ],
)
def test_a_message_is_named_by_its_subject_or_by_its_beginning(text: str, said: str) -> None:
    assert about(text, 120) == said


def test_a_name_has_its_room() -> None:
    assert about(json.dumps({"subject": "x" * 500}), 40) == "x" * 39 + "…"


@given(st.text(), st.sampled_from(("", "{", '{"a":' * 5000)))
def test_every_text_is_about_something_short(text: str, before: str) -> None:
    said = about(before + text, 40)
    assert len(said) <= 40
    assert "\n" not in said
