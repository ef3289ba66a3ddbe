"""A double in place of a model: it follows a script, by how much of it is done already."""

from itertools import repeat

from remit.core.messages import ToolMessage
from remit.core.ports import Reply, Request
from remit.testing import ScriptedModel, calls, says, use

SCRIPT = [
    calls(use("search_articles", words="dark")),
    calls(use("find_customer", customer="C-1")),
    calls(use("add_note", ticket="T-1", body={"text": "The card is 4000-0000-0000-0002."})),
    calls(use("refund", order="O-1", body={"usd": 250})),
    calls(use("close_ticket", ticket="T-1", body={"text": "Paid back."})),
    says("I did what I may."),
]


def reply(request: Request) -> Reply:
    """Go on where the session is, also in another process than the one that began it."""
    return SCRIPT[sum(isinstance(message, ToolMessage) for message in request.messages)]


model = ScriptedModel(repeat(reply))
