"""Credentials: what says who asks, added where a request leaves and taken out of what comes back."""

import base64
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress

import msgspec

from remit.core.errors import ConfigError
from remit.policy import Secrets
from remit.tools.http.port import Incoming

Credentials = Callable[[str, str], Awaitable[Mapping[str, str]]]
"""Gives the headers to add for an origin such as `https://api.example.com` and a tenant; none when it knows none."""


async def nobody(origin: str, tenant: str) -> Mapping[str, str]:
    """Add nothing."""
    return {}


def scrubbed(answer: Incoming, added: Mapping[str, str]) -> Incoming:
    """Take credentials out of an answer that repeats them."""
    secrets = _secrets(added)
    if secrets is None:
        return answer
    headers = {name: secrets.redact(value) for name, value in answer.headers.items()}
    return msgspec.structs.replace(answer, headers=headers, body=secrets.redact(answer.body))


class Scrubbing:
    """Takes credentials out of an answer that comes in pieces."""

    __slots__ = ("_secrets", "_stream")

    def __init__(self, added: Mapping[str, str]) -> None:
        """Take the headers that were added to the request."""
        self._secrets = _secrets(added)
        self._stream = self._secrets.stream() if self._secrets is not None else None

    def redact(self, whole: bytes) -> bytes:
        """Clean what is whole, such as a header."""
        return whole if self._secrets is None else self._secrets.redact(whole)

    def feed(self, piece: bytes) -> bytes:
        """Take a piece of the body; give what is settled."""
        # Bytes as characters: what stands in a header is ASCII, and what is no text stays what it is.
        return piece if self._stream is None else self._stream.feed(piece.decode("latin-1")).encode("latin-1")

    def end(self) -> bytes:
        """Give what was still held back."""
        return b"" if self._stream is None else self._stream.end().encode("latin-1")


def _secrets(added: Mapping[str, str]) -> Secrets | None:
    secrets: Secrets | None = None
    for value in (part for header in added.values() for part in _parts(header)):
        secrets = secrets or Secrets()
        try:
            secrets.register("credential", value)
        except ConfigError:
            # Too short or too common to be told from chance, so it cannot be taken out of a text either.
            continue
    return secrets


def _parts(header: str) -> list[str]:
    """Give the parts of a header's value that are secret by themselves."""
    scheme, _, rest = header.strip().rpartition(" ")
    parts = [rest]
    if scheme.lower() == "basic":
        with suppress(ValueError):
            parts.append(base64.b64decode(rest).decode().partition(":")[2])
    return parts
