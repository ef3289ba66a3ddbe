"""Where a ticket goes: intent and component to Jira project, issue type and priority."""

from typing import Literal

import msgspec

from remit.apps.desk.mind import Intent, Understanding, Urgency

Priority = Literal["Highest", "High", "Medium", "Low"]
FALLBACK = "GENERAL"
"""The project that takes what has no project of its own, or whose project turns out not to exist."""

_BY_INTENT: dict[Intent, str] = {
    "billing_question": "BILL",
    "refund_request": "BILL",
    "account_deletion": "ACCT",
    "password_reset": "ACCT",
    "security_report": "SEC",
    "complaint": FALLBACK,
    "feedback_thanks": FALLBACK,
    "spam": FALLBACK,
    "other": FALLBACK,
}
_BY_COMPONENT = {"sync": "SYNC", "pay": "PAY", "mobile": "MOB", "console": "CONS", "insights": "INSIGHT"}
_BY_URGENCY: dict[Urgency, Priority] = {"critical": "Highest", "high": "High", "normal": "Medium", "low": "Low"}


class Route(msgspec.Struct, frozen=True):
    """A ticket's place in Jira."""

    project: str
    priority: Priority
    kind: Literal["Bug", "Task"]


def route(understanding: Understanding) -> Route:
    """The project, priority and issue type for a mail so understood."""
    component = understanding.entities.products[0] if understanding.entities.products else ""
    project = _BY_INTENT.get(understanding.intent) or _BY_COMPONENT.get(component, FALLBACK)
    kind = "Bug" if understanding.intent in {"bug_report", "outage"} else "Task"
    return Route(project, _BY_URGENCY[understanding.urgency], kind)


def wants_ticket(intent: Intent) -> bool:
    """Whether a mail of this intent is worth a ticket and an answer at all."""
    return intent != "spam"
