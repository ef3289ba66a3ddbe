"""Signatures: whether a delivery is from who has the secret, and what makes it the same delivery. HMAC-SHA256 always.

Only what was signed is believed. GitHub signs neither its delivery id nor a time, so there the same body is the same
delivery; Slack and Stripe sign again what they send again, so there it is the id of the event in the body.
"""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import assert_never

import msgspec

from remit.core.errors import ConfigError
from remit.core.values import JsonValue
from remit.server.beginnings.settings import Scheme

TOLERANCE = 300.0
"""Seconds by which a delivery may be old or early."""

_MOST = 10
"""Signatures of one delivery that are looked at."""

_ID = re.compile(r"[!-\-/-~]{1,256}")
"""Printable, without a full stop, which parts what is signed."""
_TIME = re.compile(r"[0-9]{1,12}")


def mark(scheme: Scheme, secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: float) -> str:
    """Give what makes a delivery the same one; nothing unless one of the secrets signed it, lately where it says when.

    Headers are by lower-case name, `now` is in seconds since the epoch.
    """
    match scheme:
        case "standard":
            return _standard(secrets, headers, body, now)
        case "github":
            claimed = [headers.get("x-hub-signature-256", "").removeprefix("sha256=")]
            return _digest(body) if _signed(map(str.encode, secrets), body, claimed) else ""
        case "slack":
            at = headers.get("x-slack-request-timestamp", "")
            claimed = [headers.get("x-slack-signature", "").removeprefix("v0=")]
            good = _signed(map(str.encode, secrets), b"v0:%b:%b" % (at.encode(), body), claimed)
            return _event(body, "event_id") if good and _lately(at, now) else ""
        case "stripe":
            parts = [one.strip().partition("=") for one in headers.get("stripe-signature", "").split(",")]
            at = next((value for name, _, value in parts if name == "t"), "")
            claimed = [value for name, _, value in parts if name == "v1"]
            good = _signed(map(str.encode, secrets), b"%b.%b" % (at.encode(), body), claimed)
            return _event(body, "id") if good and _lately(at, now) else ""
        case _:
            assert_never(scheme)


def fitting(scheme: Scheme, secret: str, where: str) -> None:
    """Raise `ConfigError` for a secret that the scheme cannot have, without telling it."""
    if scheme == "standard" and len(_key(secret)) < 16:
        raise ConfigError(f"{where}: the secret is not one of Standard Webhooks: whsec_ and base64 of 24 to 64 bytes")


def signed(scheme: Scheme, secret: str, body: bytes, *, at: int, name: str = "") -> Mapping[str, str]:
    """Sign a delivery as a sender does, at a time in seconds since the epoch: for trying a hook out."""
    text = str(at)
    match scheme:
        case "standard":
            mac = hmac.digest(_key(secret), b"%b.%b.%b" % (name.encode(), text.encode(), body), "sha256")
            value = f"v1,{base64.b64encode(mac).decode()}"
            return {"webhook-id": name, "webhook-timestamp": text, "webhook-signature": value}
        case "github":
            return {"x-hub-signature-256": f"sha256={_hex(secret, body)}", "x-github-delivery": name}
        case "slack":
            value = f"v0={_hex(secret, b'v0:%b:%b' % (text.encode(), body))}"
            return {"x-slack-request-timestamp": text, "x-slack-signature": value}
        case "stripe":
            return {"stripe-signature": f"t={text},v1={_hex(secret, b'%b.%b' % (text.encode(), body))}"}
        case _:
            assert_never(scheme)


def _standard(secrets: Sequence[str], headers: Mapping[str, str], body: bytes, now: float) -> str:
    """See https://www.standardwebhooks.com, version 1: symmetric signatures only."""
    name, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    claimed = [one[3:] for one in headers.get("webhook-signature", "").split(" ") if one.startswith("v1,")]
    content = b"%b.%b.%b" % (name.encode(), at.encode(), body)
    good = _signed(map(_key, secrets), content, map(_unbased, claimed[:_MOST]))
    return name if good and _ID.fullmatch(name) and _lately(at, now) else ""


def _signed(keys: Iterable[bytes], content: bytes, claimed: Iterable[str]) -> bool:
    """Say whether any key made any of these signatures, in a time that does not tell how nearly."""
    told = [one.encode("utf-8", "replace") for one in list(claimed)[:_MOST]]
    good = False
    for key in keys:
        made = hmac.new(key, content, hashlib.sha256).hexdigest().encode()
        for one in told:
            good |= hmac.compare_digest(made, one)
    return good


def _lately(at: str, now: float) -> bool:
    return _TIME.fullmatch(at) is not None and abs(now - int(at)) <= TOLERANCE


def _event(body: bytes, field: str) -> str:
    """Give the id that the sender gave the event in a body that it signed; the body's own hash without one."""
    try:
        said: JsonValue = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _digest(body)
    found = said.get(field) if isinstance(said, dict) else None
    return found if isinstance(found, str) and 0 < len(found) <= 256 else _digest(body)


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _hex(secret: str, content: bytes) -> str:
    return hmac.new(secret.encode(), content, hashlib.sha256).hexdigest()


def _key(secret: str) -> bytes:
    try:
        return base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        return b""


def _unbased(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).hex()
    except (binascii.Error, ValueError):
        return ""
