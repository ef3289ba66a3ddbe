"""What was written now, and what before."""

import pytest

from remit.apps.desk.mail.quotes import split_body


@pytest.mark.parametrize(
    "history",
    [
        "On Mon, 14 Sep 2026 at 10:00, Desk <desk@example.org> wrote:\n> old",
        "On Mon, 14 Sep 2026 at 10:00, A Very Long Name of a Desk\n<desk@example.org> wrote:\n\n> old",
        "Am 14.09.2026 um 10:00 schrieb Desk <desk@example.org>:\n> old",
        "Le lun. 14 sept. 2026 à 10:00, Desk <desk@example.org> a écrit :\n> old",
        "El lun, 14 sept 2026 a las 10:00, Desk (<desk@example.org>) escribió:\n> old",
        "-----Original Message-----\nFrom: Desk\nSent: Monday\n\nold",
        "-------- Ursprüngliche Nachricht --------\nVon: Desk\n\nold",
        "From: Desk <desk@example.org>\nSent: Monday, 14 September 2026\nTo: Ann\nSubject: x\n\nold",
        "Von: Desk\nGesendet: Montag\nAn: Ann\nBetreff: x\n\nold",
        "On 14 Sep 2026 Desk wrote:\nold without marks",
    ],
)
def test_history_below_is_separated(history: str) -> None:
    split = split_body(f"new text\n\n{history}")
    assert split.text == "new text"
    assert "old" in split.quoted


def test_answers_between_quotations_are_the_text() -> None:
    split = split_body("> first?\nyes\n> second?\nno")
    assert split.text == "yes\nno"
    assert split.quoted == "> first?\n> second?"


def test_a_forwarded_mail_counts_as_written_now() -> None:
    split = split_body("Please look:\n\n---------- Forwarded message ---------\nFrom: x@y.z\nSubject: s\n\nthe content")
    assert split.text == "Please look:\n\nthe content"


def test_only_history_leaves_no_text() -> None:
    assert split_body("On 1 May 2026, Desk wrote:\n> old").text == ""


@pytest.mark.parametrize(
    ("body", "signature"),
    [
        ("text\n-- \nAnn\nphone", "-- \nAnn\nphone"),
        ("text\n\nKind regards,\nAnn Lee\nACME", "Kind regards,\nAnn Lee\nACME"),
        ("text\n\nMit freundlichen Grüßen\nAnn", "Mit freundlichen Grüßen\nAnn"),
        ("text\n\nSent from my iPhone", "Sent from my iPhone"),
    ],
)
def test_signatures_are_separated(body: str, signature: str) -> None:
    split = split_body(body)
    assert split.text == "text"
    assert [line.strip() for line in split.signature.split("\n")] == [line.strip() for line in signature.split("\n")]


@pytest.mark.parametrize(
    "body",
    [
        "Thanks!",
        "On 3 machines we see this:\nerror 5",
        "- one\n- two",
        "Thanks for the fix, but it still fails.\nPlease look again.",
        "From: is the name of the field that is empty",
    ],
)
def test_ordinary_text_is_left_alone(body: str) -> None:
    assert split_body(body).text == body
