"""Where tickets go."""

from typing import get_args

import pytest

from remit.apps.desk.mind import Entities, Intent, Understanding, Urgency
from remit.apps.desk.routing import Route, route


def understood(intent: Intent, urgency: Urgency = "normal", products: tuple[str, ...] = ()) -> Understanding:
    return Understanding(
        intent=intent, confidence=1.0, urgency=urgency, entities=Entities(products=products), language="en"
    )


@pytest.mark.parametrize(
    ("intent", "urgency", "products", "expected"),
    [
        ("bug_report", "normal", ("sync",), Route("SYNC", "Medium", "Bug")),
        ("outage", "critical", ("pay", "console"), Route("PAY", "Highest", "Bug")),
        ("bug_report", "low", (), Route("GENERAL", "Low", "Bug")),
        ("refund_request", "high", ("sync",), Route("BILL", "High", "Task")),
        ("security_report", "high", ("pay",), Route("SEC", "High", "Task")),
        ("how_to", "low", ("insights",), Route("INSIGHT", "Low", "Task")),
    ],
)
def test_a_ticket_goes_to_the_team_in_charge(
    intent: Intent, urgency: Urgency, products: tuple[str, ...], expected: Route
) -> None:
    assert route(understood(intent, urgency, products)) == expected


@pytest.mark.parametrize("intent", get_args(Intent))
def test_every_intent_has_a_place(intent: Intent) -> None:
    assert route(understood(intent)).project
