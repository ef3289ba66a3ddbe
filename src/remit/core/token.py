"""Token: a session's place in its tree, signed, so that a program an agent starts stays inside its parent's remit."""

import base64
import hashlib
import hmac

import msgspec
from msgspec.structs import replace

from remit.core.errors import TokenError
from remit.core.events import Tree
from remit.core.values import Frozen

VARIABLE = "REMIT_TOKEN"
"""Name of the environment variable that carries it."""


class Remit(Frozen, frozen=True):
    """What a token says: whose child the bearer's sessions are."""

    session: str
    tenant: str
    tree: Tree


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Remit)


def sign(remit: Remit, key: bytes) -> str:
    """Write a token: base64 of the remit and its HMAC-SHA256."""
    body = _encoder.encode(remit)
    return base64.urlsafe_b64encode(body + _seal(body, key)).decode()


def told(signed: str, trace: str) -> str:
    """Write the W3C `traceparent` of a call beside what is signed: an id grants nothing, and each call has its own."""
    return f"{signed}.{trace}" if trace else signed


def verify(token: str, key: bytes) -> Remit:
    """Read a token; raise `TokenError` unless this key signed it. Its tree's `trace` is what was told beside it."""
    signed, _, trace = token.partition(".")
    try:
        raw = base64.urlsafe_b64decode(signed.encode())
    except ValueError:
        raise TokenError(f"{VARIABLE} is not a remit token; unset it to start a tree of your own") from None
    body, seal = raw[:-32], raw[-32:]
    if not hmac.compare_digest(_seal(body, key), seal):
        raise TokenError("the remit token was not signed by this home; is it from another .remit folder?")
    try:
        remit = _decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise TokenError(f"the remit token cannot be read: {error}") from None
    return replace(remit, tree=replace(remit.tree, trace=trace)) if trace != remit.tree.trace else remit


def _seal(body: bytes, key: bytes) -> bytes:
    return hmac.new(key, body, hashlib.sha256).digest()
