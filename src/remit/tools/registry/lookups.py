"""Lookups: texts with `${NAME}` in them, filled with secrets when something is opened or called, never before."""

import re
from collections.abc import Awaitable, Callable

from remit.core.errors import RejectedError, RemitError

Secret = Callable[[str, str], Awaitable[str]]
"""Gives a secret by its name for a tenant; raises when there is none. Its errors hold no secret."""

_NAME = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_./-]*)\}")


def names(text: str) -> tuple[str, ...]:
    """Give the names of the secrets in a text."""
    return tuple(_NAME.findall(text))


async def filled(text: str, tenant: str, secret: Secret) -> str:
    """Put secrets in the place of their names; raise `RejectedError`, as nothing was sent, when one is missing."""
    parts: list[str] = []
    end = 0
    for found in _NAME.finditer(text):
        try:
            value = await secret(found[1], tenant)
        except RemitError as error:
            raise RejectedError(f"not sent: {error}") from None
        except Exception as error:  # noqa: BLE001 - a provider is a stranger's code, and its words may hold a secret
            why = f"not sent: the secret {found[1]!r} could not be looked up ({type(error).__name__})"
            raise RejectedError(why, retryable=True) from None
        parts += (text[end : found.start()], value)
        end = found.end()
    return "".join((*parts, text[end:]))
