"""Why a mail must not be answered: robots that answer robots never stop."""

import re

from remit.apps.desk.mail.headers import Headers
from remit.apps.desk.mail.message import Address

_ROBOT = re.compile(
    r"^(mailer-?daemon|postmaster|no-?_?reply|do-?not-?_?reply|noreply-.*|no-reply[.+-].*|bounces?([+-].*)?|"
    r"listserv|majordomo|.+-bounces)$"
)


def why_not_answered(headers: Headers, content_type: str, sender: Address) -> str:
    """The first reason not to answer, or an empty string."""
    if not sender.address:
        return "there is no sender to answer"
    if headers.fields.get("return-path") and headers.text("return-path") in {"<>", ""}:
        return "it has a null return path, as bounces have"
    if content_type == "multipart/report":
        return "it is a delivery report"
    return _declared(headers) or _by_robot(sender)


def _declared(headers: Headers) -> str:
    submitted = headers.text("auto-submitted").lower()
    if submitted and not submitted.startswith("no"):
        return f"it was sent by a machine (Auto-Submitted: {submitted[:40]})"
    precedence = headers.text("precedence").lower()
    if precedence in {"bulk", "list", "junk", "auto_reply"}:
        return f"its precedence is {precedence}"
    suppressed = {word.strip().lower() for word in headers.text("x-auto-response-suppress").split(",")}
    if suppressed & {"all", "autoreply", "oof", "dr", "rn", "nrn"}:
        return "it asks not to be answered automatically"
    if headers.text("x-autoreply") or headers.text("x-autorespond"):
        return "it is an automatic reply"
    if headers.text("list-id") or headers.text("list-unsubscribe"):
        return "it came through a mailing list"
    return ""


def _by_robot(sender: Address) -> str:
    if _ROBOT.match(sender.address.partition("@")[0]):
        return f"{sender.address} is an address nobody reads"
    return ""
