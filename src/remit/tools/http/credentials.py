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
