"""Secrets of the desktop's keyring, through the library `keyring`; loaded when the first one is asked for."""

import asyncio
import importlib
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, cast

from remit.core.errors import ConfigError
from remit.tools.secrets.port import checked


class _Keyring(Protocol):
    def get_password(self, service_name: str, username: str) -> str | None: ...


class KeyringSecrets:
    """Reads the passwords of a service, first of the user `TENANT/NAME`, then of `NAME`.

    `keyring set SERVICE NAME` keeps one. The extra `keyring` brings the library.
    """

    def __init__(self, service: str, *, seconds: float = 10.0) -> None:
        """Read of this service; a keyring that does not answer in time, as one that is locked may not, is an error."""
        self._service, self._seconds = service, seconds

    def __str__(self) -> str:
        """Say where this is."""
        return f"the service {self._service!r} of the keyring (TENANT/NAME, NAME)"

    async def get(self, name: str, tenant: str) -> str | None:
        """See `SecretSource.get`."""
        checked(name)
        own = await self._ask(f"{tenant}/{name}") if tenant else None
        return own or await self._ask(name) or None

    async def _ask(self, user: str) -> str | None:
        try:
            async with asyncio.timeout(self._seconds):
                return await _aside(lambda: _library().get_password(self._service, user))
        except TimeoutError:
            raise ConfigError(f"the keyring did not answer within {self._seconds:g} s; is it locked?") from None
        except ModuleNotFoundError:
            raise ConfigError("secrets of a keyring need the library: pip install 'remit[keyring]'") from None
        except Exception as error:  # noqa: BLE001 - a stranger's backend, whose words may hold a secret
            raise ConfigError(f"the keyring could not be read: {type(error).__name__}") from None


def _library() -> _Keyring:
    return cast("_Keyring", importlib.import_module("keyring"))


async def _aside(read: Callable[[], str | None]) -> str | None:
    """Read in a thread of its own: one that never comes back must hold nobody up, also not the end of the process."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[str | None] = loop.create_future()

    def settle(value: str | None, error: Exception | None) -> None:
        if future.done():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(value)

    def work() -> None:
        value, failed = None, None
        try:
            value = read()
        except Exception as error:  # noqa: BLE001 - it is raised where it is waited for
            failed = error
        # Nobody waits any more where the loop is closed.
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, value, failed)

    threading.Thread(target=work, name="keyring", daemon=True).start()
    return await future
