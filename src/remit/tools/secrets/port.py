"""The port of places where secrets are kept; its conformance suite is `remit.testing.secrets`."""

import re
from typing import Protocol

from remit.core.errors import ConfigError

NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
"""What a secret may be called."""


class SecretSource(Protocol):
    """A place where secrets are kept. Its `str` tells people where that is."""

    async def get(self, name: str, tenant: str) -> str | None:
        """Give a tenant's own value, else the one for all tenants; `None` when there is neither.

        Raise `ConfigError` when there is one that cannot or must not be used, never with the value in its message.
        """
        ...


def checked(name: str) -> str:
    """Give a name; raise `ConfigError` for one that no secret can have."""
    if not NAME.fullmatch(name):
        raise ConfigError(f"a secret cannot be named {name!r}; use letters, digits, '_', '.' and '-'")
    return name
