"""Answers: what the offline model writes to customers. It promises only what has happened."""

from collections.abc import Mapping, Sequence

from remit.core.messages import OutcomeStatus
from remit.core.values import JsonValue

_GREETINGS: Mapping[str, str] = {
    "de": "Guten Tag",
    "fr": "Bonjour",
    "es": "Buenos días",
    "ja": "こんにちは",
    "ru": "Здравствуйте",
}
_OPENINGS: Mapping[str, str] = {
    "bug_report": "thank you for reporting this problem.",
    "outage": "we are sorry that you cannot work at the moment.",
    "billing_question": "thank you for your question about billing.",
    "refund_request": "thank you for writing to us about your payment.",
    "account_deletion": "we have received your wish to close your account.",
    "password_reset": "we are sorry that you cannot sign in.",
    "how_to": "thank you for your question.",
    "feature_request": "thank you for your suggestion.",
    "complaint": "we are sorry that we let you down.",
    "feedback_thanks": "thank you for your kind words.",
    "security_report": "thank you for telling us; we take security reports seriously.",
}
_CLOSING = "This answer was written by a machine. Reply to it and a person will read it.\n\nYour support desk"


def greeting(name: str, language: str) -> str:
    """Open a letter."""
    return f"{_GREETINGS.get(language, 'Hello')}{' ' + name if name else ''},"


def opening(intent: str) -> str:
    """Say first what the customer wants to hear first."""
    return _OPENINGS.get(intent, "thank you for writing to us.")


def filed(ticket: Mapping[str, JsonValue] | None, *, doubtful: bool = False) -> str:
    """Say whether there is a ticket, and what happens when there is none or nobody can tell."""
    if ticket is None and doubtful:
        return (
            "We cannot say yet whether a ticket was filed, because our ticket system does not answer as it should. "
            "A colleague has your message and will take care of it."
        )
    if ticket is None:
        return (
            "We could not file a ticket, because our ticket system does not accept it at the moment. "
            "A colleague has your message and will take care of it."
        )
    return f"We have filed it as ticket {ticket['key']}, and a colleague will look at it."


def helpful(articles: Sequence[Mapping[str, JsonValue]]) -> str:
    """Quote the article that may already help."""
    if not articles:
        return ""
    best = articles[0]
    return f"This may already help you - {best['title']}:\n{best['snippet']}"


def pending(wants: Sequence[str]) -> str:
    """Say what a person has to decide."""
    asked = " and ".join({"refund": "the refund", "deletion": "the deletion of your account"}[want] for want in wants)
    return f"A person has to decide on {asked}. We will write to you as soon as that is done." if asked else ""


def decided(want: str, status: OutcomeStatus) -> str:
    """Say what came of a wish that a person decided on."""
    what = {"refund": "Your refund", "deletion": "The deletion of your account"}[want]
    match status:
        case "ok" | "simulated":
            return f"{what} was approved and has been ordered."
        case "denied":
            return f"{what} was not approved. Please reply to this mail if you want to talk about it."
        case "failed":
            return f"{what} could not be ordered because something broke here. A colleague will take care of it."


def letter(*paragraphs: str) -> str:
    """Put an answer together, leaving out what is empty."""
    return "\n\n".join([paragraph for paragraph in paragraphs if paragraph] + [_CLOSING])
