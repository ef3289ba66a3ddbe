"""Any bytes to a `Mail` or an `Unreadable`; nothing in the bytes can make this raise."""

import hashlib
from datetime import UTC, datetime
from email.parser import BytesParser
from email.policy import compat32
from email.utils import parsedate_to_datetime

from remit.apps.desk.mail.automatic import why_not_answered
from remit.apps.desk.mail.bodies import Body, Part, read_body
from remit.apps.desk.mail.headers import BROKEN, Headers, read_headers
from remit.apps.desk.mail.message import Address, Mail, Unreadable
from remit.apps.desk.mail.quotes import split_body

_LARGEST = 30_000_000
_LONGEST_TEXT = 200_000
_MOST_BOUNDARIES = 100
_NEEDED = ("from", "subject", "date", "message-id", "to", "received", "return-path")


def read_mail(raw: bytes) -> Mail | Unreadable:
    """The mail in `raw`; what was malformed is in its `problems`, and `Unreadable` says why it is no mail at all."""
    digest = hashlib.sha256(raw).hexdigest()
    body = Body()
    prepared = _prepared(raw, body)
    if not prepared.strip(b"\0 \t\r\n"):
        return Unreadable("there is nothing in it", len(raw), digest)
    try:
        message: Part = BytesParser(policy=compat32).parsebytes(prepared)
        headers = read_headers(message, body.note)
    except BROKEN as error:
        return Unreadable(f"its structure cannot be parsed ({type(error).__name__})", len(raw), digest)
    if not any(name in headers.fields for name in _NEEDED):
        return Unreadable("it has none of the header fields a mail has", len(raw), digest)
    return _mail(message, headers, body, digest)


def _prepared(raw: bytes, body: Body) -> bytes:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        body.note("the whole file was UTF-16")
        raw = raw.decode("utf-16", "replace").encode("utf-8")
    if raw.startswith(b"\xef\xbb\xbf"):
        raw = raw[3:]
    if raw[:1] in {b"\r", b"\n"}:
        body.note("empty lines before the header were skipped")
        raw = raw.lstrip(b"\r\n")
    if len(raw) > _LARGEST:
        body.note(f"larger than {_LARGEST} bytes; the rest was not read")
        raw = raw[:_LARGEST]
    if raw.lower().count(b"boundary=") > _MOST_BOUNDARIES:
        # The parser's time grows with the square of the nesting: such a mail is built to hurt.
        body.note("more multiparts than a mail has; only the first were read")
        raw = _first_boundaries(raw)
    return raw


def _first_boundaries(raw: bytes) -> bytes:
    lowered = raw.lower()
    position = 0
    for _ in range(_MOST_BOUNDARIES):
        position = lowered.find(b"boundary=", position) + 1
    return raw[:position]


def _mail(message: Part, headers: Headers, body: Body, digest: str) -> Mail:
    sender, reply_to = _sender(headers, body)
    subject = headers.text("subject")
    split = split_body(_text(message, body))
    references = headers.ids("references") or headers.ids("in-reply-to")
    message_id = next(iter(headers.ids("message-id")), "")
    if not message_id:
        body.note("no Message-ID; one was made from the content")
        message_id = f"<{digest[:32]}@content.invalid>"
    if not (split.text or split.quoted):
        body.note("there is no text in it")
    return Mail(
        message_id=message_id,
        digest=digest,
        sender=sender,
        reply_to=reply_to,
        recipients=headers.addresses("to") + headers.addresses("cc"),
        subject=subject,
        date=_date(headers, body),
        text=split.text,
        quoted=split.quoted,
        signature=split.signature,
        hidden=tuple(dict.fromkeys(body.hidden)),
        attachments=tuple(body.attachments),
        thread=references[0] if references else message_id,
        references=references,
        automatic=why_not_answered(headers, message.get_content_type(), sender),
        problems=tuple(body.problems),
    )


def _sender(headers: Headers, body: Body) -> tuple[Address, Address | None]:
    senders = headers.addresses("from")
    if "from" not in headers.fields:
        body.note("no From field")
    elif not senders:
        body.note("the From field holds no address")
    elif len(senders) > 1:
        body.note("several senders; the first was taken")
    sender = senders[0] if senders else Address("", headers.text("from")[:100])
    reply_to = next(iter(headers.addresses("reply-to")), None)
    return sender, reply_to if reply_to and reply_to.address != sender.address else None


def _text(message: Part, body: Body) -> str:
    try:
        text = read_body(message, body)
    except BROKEN as error:
        body.note(f"the body could not be read ({type(error).__name__})")
        text = ""
    if len(text) > _LONGEST_TEXT:
        body.note(f"the text was longer than {_LONGEST_TEXT // 1000} KB and was cut")
    return text[:_LONGEST_TEXT]


def _date(headers: Headers, body: Body) -> datetime | None:
    written = headers.text("date")
    if not written:
        body.note("no Date field")
        return None
    try:
        date = parsedate_to_datetime(written)
    except BROKEN:
        body.note("the Date field cannot be understood")
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
