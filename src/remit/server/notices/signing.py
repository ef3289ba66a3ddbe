"""Signing: what a receiver can tell a notice of ours by. HMAC-SHA256 (RFC 2104) over the time and the body."""

import hashlib
import hmac
import re

HEADER = "Remit-Signature"
KEY = "Remit-Notice"
"""The header with the idempotency key: the same notice again has the same."""

_SIGNED = re.compile(r"t=(\d{1,12}),v1=([0-9a-f]{64})")


def signature(secret: str, at: int, body: bytes) -> str:
    """Sign a body, sent at a time in seconds since the epoch: `t=TIME,v1=HEX`."""
    return f"t={at},v1={_mac(secret, at, body)}"


def verified(secret: str, signed: str, body: bytes, now: float, *, within: float = 300.0) -> bool:
    """Say whether whoever has the secret signed this body no longer than so many seconds ago."""
    found = _SIGNED.fullmatch(signed)
    if found is None or abs(now - int(found[1])) > within:
        return False
    return hmac.compare_digest(_mac(secret, int(found[1]), body), found[2])


def _mac(secret: str, at: int, body: bytes) -> str:
    return hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()
