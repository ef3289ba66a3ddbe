"""What leaves the desk: answers by SMTP, notices by webhook; failures are told apart by whether anything happened."""

import asyncio
import hashlib
import re
import smtplib
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

import httpx2
import msgspec

from remit.apps.desk.mail import Mail
from remit.core.errors import ConfigError, RemitError

_PATIENCE = timedelta(seconds=30)
_ID = re.compile(r"<[^<>\s@]+@[^<>\s@]+>")
_REPLY = re.compile(r"^((re|aw|sv|vs|antw|rép|odp)(\[\d+\])?\s*[:\uff1a]\s*)+", re.IGNORECASE)


class PostError(RemitError):
    """Something was not delivered, or we cannot know whether it was."""

    def __init__(self, outcome: Literal["rejected", "temporary", "unknown"], reason: str, *, code: int = 0) -> None:
        """Rejected: never, nothing happened. Temporary: not now, nothing happened. Unknown: it may have arrived."""
        super().__init__(f"{outcome}: {reason}" + (f" ({code})" if code else ""))
        self.outcome, self.reason, self.code = outcome, reason, code


class MailServer(msgspec.Struct, frozen=True):
    """The parts of an SMTP address."""

    host: str
    port: int
    user: str
    password: str
    encryption: Literal["none", "starttls", "tls"]


def compose_reply(mail: Mail, body: str, *, sender: str, key: str, when: datetime | None = None) -> EmailMessage:
    """An answer to the sender of `mail`, never to its Reply-To; the same `key` gives the same Message-ID.

    Nothing from `mail` can add a header: line breaks are removed and ids must look like ids.
    """
    # Not every server takes 8-bit content.
    reply = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    reply["From"] = _mailbox("", sender)
    reply["To"] = _mailbox(mail.sender.name, mail.sender.address)
    reply["Subject"] = reply_subject(mail.subject)
    reply["Date"] = format_datetime(when or datetime.now(UTC))
    reply["Message-ID"] = message_id(key, sender)
    if _ID.fullmatch(mail.message_id) and not mail.message_id.endswith("@content.invalid>"):
        chain = [one for one in mail.references if _ID.fullmatch(one) and one != mail.message_id]
        reply["In-Reply-To"] = mail.message_id
        reply["References"] = " ".join([*chain[:1], *chain[1:][-8:], mail.message_id])
    reply["Auto-Submitted"] = "auto-replied"
    reply["X-Auto-Response-Suppress"] = "All"
    reply.set_content(body.encode("utf-8", "replace").decode())
    return reply


def reply_subject(subject: str) -> str:
    """`subject` with exactly one "Re:" before it."""
    plain = _REPLY.sub("", " ".join(subject.split())).strip()
    return f"Re: {plain[:200] or 'your message'}"


def message_id(key: str, sender: str) -> str:
    """The Message-ID that belongs to an idempotency key: a receiver can tell a repetition."""
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:40]}@{sender.rpartition('@')[2] or 'localhost'}>"


def _mailbox(name: str, address: str) -> Address:
    if not address.isascii():
        raise PostError("rejected", f"{address!r} needs SMTPUTF8, which is not spoken here")
    try:
        return Address(display_name=" ".join(name.split())[:100], addr_spec=address)
    except (MessageError, ValueError, IndexError, TypeError) as error:
        raise PostError("rejected", f"{address!r} is no address that mail can be sent to") from error


async def send_mail(
    url: str, message: EmailMessage, *, patience: timedelta = _PATIENCE, tls: ssl.SSLContext | None = None
) -> str:
    """Sends `message` through the server at `url` and returns its Message-ID; else `PostError`.

    `url`: smtp://host:port, smtp://user:password@host:port, smtps://..., or smtp://...?starttls=1. The worst case
    takes several times `patience`, which limits each exchange with the server.
    """
    # Threads cannot be cancelled: a caller that gives up must treat the mail as possibly sent.
    return await asyncio.to_thread(_send, mail_server(url), message, patience.total_seconds(), tls)


def mail_server(url: str) -> MailServer:
    """The parts of an SMTP address; `ConfigError` when it is none."""
    parts = urlsplit(url)
    if parts.scheme not in {"smtp", "smtps"} or not parts.hostname:
        raise ConfigError(
            f"{url.rpartition('@')[2]!r} is no mail server; expected smtp://host:port or smtps://host:port"
        )
    starttls = parse_qs(parts.query).get("starttls", ["0"])[-1] in {"1", "true", "yes"}
    encryption = "tls" if parts.scheme == "smtps" else "starttls" if starttls else "none"
    port = parts.port or {"tls": 465, "starttls": 587, "none": 25}[encryption]
    return MailServer(parts.hostname, port, unquote(parts.username or ""), unquote(parts.password or ""), encryption)


def _send(route: MailServer, message: EmailMessage, timeout: float, tls: ssl.SSLContext | None) -> str:
    sending = False
    try:
        with _connected(route, timeout, tls) as server:
            sender, recipient = message["From"].addresses[0].addr_spec, message["To"].addresses[0].addr_spec
            _say(*server.mail(sender), "sender")
            _say(*server.rcpt(recipient), "recipient")
            sending = True
            _say(*server.data(message.as_bytes()), "message")
    except smtplib.SMTPResponseException as error:
        raise _refused(error.smtp_code, str(error.smtp_error)) from error
    except (smtplib.SMTPException, OSError) as error:
        # Once the content is on its way, silence may mean that the server took it.
        outcome = "unknown" if sending else "temporary"
        raise PostError(outcome, f"{type(error).__name__}: {error}") from error
    return str(message["Message-ID"])


def _connected(route: MailServer, timeout: float, tls: ssl.SSLContext | None) -> "_Connection":
    context = tls or ssl.create_default_context()
    if route.encryption == "tls":
        server: smtplib.SMTP = smtplib.SMTP_SSL(route.host, route.port, timeout=timeout, context=context)
    else:
        server = smtplib.SMTP(route.host, route.port, timeout=timeout)
    try:
        server.ehlo_or_helo_if_needed()
        if route.encryption == "starttls":
            server.starttls(context=context)
        if route.user:
            server.login(route.user, route.password)
    except BaseException:
        server.close()
        raise
    return _Connection(server)


class _Connection:
    """A server that is left politely, where a failure to say goodbye changes nothing."""

    def __init__(self, server: smtplib.SMTP) -> None:
        self.server = server

    def __enter__(self) -> smtplib.SMTP:
        return self.server

    def __exit__(self, *_: object) -> None:
        try:
            self.server.quit()
        except (smtplib.SMTPException, OSError):
            self.server.close()


def _say(code: int, reply: bytes, what: str) -> None:
    if code >= 400:
        raise _refused(code, f"{what} refused: {reply.decode('utf-8', 'replace')}")


def _refused(code: int, reason: str) -> PostError:
    return PostError("rejected" if code >= 500 else "temporary", reason[:300], code=code)


async def notify(url: str, payload: Mapping[str, Any], *, key: str, patience: timedelta = _PATIENCE) -> None:
    """Posts `payload` as JSON to `url` with `key` as Idempotency-Key; else `PostError`."""
    try:
        async with httpx2.AsyncClient(timeout=patience.total_seconds()) as client:
            answer = await client.post(url, json=payload, headers={"Idempotency-Key": key})
    except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
        raise PostError("temporary", f"{type(error).__name__}: {error}") from error
    except httpx2.TransportError as error:
        raise PostError("unknown", f"{type(error).__name__}: {error}") from error
    if not answer.is_success:
        temporary = answer.status_code in {408, 425, 429}
        unknown = answer.status_code >= 500
        outcome = "unknown" if unknown else "temporary" if temporary else "rejected"
        raise PostError(outcome, answer.text[:300] or answer.reason_phrase, code=answer.status_code)
