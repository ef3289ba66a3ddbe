"""The sample inbox: each mail is read, understood and routed as written down beside it."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from remit.apps.desk import mail as mail_package
from remit.apps.desk.mail import Mail, read_inbox, read_mail
from remit.apps.desk.mind import suspicion, understand
from remit.apps.desk.routing import route, wants_ticket
from remit.apps.desk.standins.jira import PROJECTS

FOLDER = Path(mail_package.__file__).parent.parent / "data" / "inbox"
MAILS = dict(read_inbox(FOLDER))
EXPECTED = msgspec.json.decode((FOLDER / "expected.json").read_bytes(), type=dict[str, dict[str, Any]])
NOTHING: dict[str, Any] = {
    "answered": False,
    "intent": None,
    "urgency": None,
    "project": None,
    "priority": None,
    "approval": False,
    "suspicious": False,
}


def handled(raw: bytes) -> dict[str, Any]:
    mail = read_mail(raw)
    if not isinstance(mail, Mail) or mail.automatic:
        return NOTHING | {"readable": isinstance(mail, Mail)}
    understanding = understand(mail)
    place = route(understanding)
    filed = {} if place.project in PROJECTS else {"filed_in": "GENERAL"}
    return {
        "readable": True,
        "answered": wants_ticket(understanding.intent),
        "intent": understanding.intent,
        "urgency": understanding.urgency,
        "project": place.project,
        "priority": place.priority,
        "approval": bool(understanding.approvals),
        "suspicious": bool(suspicion(mail)),
    } | filed


def test_every_mail_has_an_expectation() -> None:
    assert MAILS.keys() == EXPECTED.keys()


def test_the_inbox_is_varied_and_a_quarter_of_it_hostile_or_malformed() -> None:
    expected = EXPECTED.values()
    troubled = [one for one in expected if one["suspicious"] or not one["answered"]]
    assert len(EXPECTED) >= 36
    assert len(troubled) >= 10
    assert sum(one["suspicious"] for one in expected) >= 6
    assert len({one["intent"] for one in expected} - {None}) == 13


@pytest.mark.parametrize("name", sorted(MAILS))
def test_a_sample_mail_is_handled_as_expected(name: str) -> None:
    assert handled(MAILS[name]) == EXPECTED[name]


def test_no_hidden_or_quoted_instruction_reaches_the_text() -> None:
    for name in ("26-injection-hidden-html.eml", "27-injection-quoted.eml"):
        mail = read_mail(MAILS[name])
        assert isinstance(mail, Mail)
        assert "refund" not in mail.text
        assert "export" not in mail.text
        assert "approved" not in mail.text


def test_particulars_of_the_samples_are_found() -> None:
    mail = read_mail(MAILS["39-shift-jis-refund.eml"])
    assert isinstance(mail, Mail)
    entities = understand(mail).entities
    assert entities.orders == ("ORD-40017",)
    assert [(str(money.amount), money.currency) for money in entities.money] == [("8900", "JPY")]
