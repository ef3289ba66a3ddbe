"""Vault: looks secrets up where they are kept, and registers every value before it lets it out."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from remit.core.errors import ConfigError, RemitError
from remit.core.ports import Clock
from remit.policy import Secrets
from remit.tools.secrets.headers import credentials
from remit.tools.secrets.port import SecretSource, checked


class Vault:
    """Gives secrets by name and tenant: `await vault("JIRA_TOKEN", "acme")`.

    The first source that has one counts, also when a later one has the tenant's own. A value is kept for a time.
    """

    def __init__(
        self, sources: Sequence[SecretSource], secrets: Secrets, *, ttl: float = 300.0, clock: Clock = time.monotonic
    ) -> None:
        """Ask these sources in order, register values in `secrets`, and keep each for `ttl` seconds; 0 for no time."""
        if not sources:
            raise ConfigError("a vault needs a source, such as EnvironmentSecrets()")
        self._sources, self._secrets, self._ttl, self._clock = tuple(sources), secrets, ttl, clock
        self._kept: dict[tuple[str, str], tuple[str, float]] = {}
        self._last: dict[tuple[str, str], str] = {}
        self._turns: dict[tuple[str, str], asyncio.Lock] = {}
        self._forgotten = 0

    async def __call__(self, name: str, tenant: str = "default") -> str:
        """Give a value; raise `ConfigError`, with the name and where it was looked for, when there is none to give.

        A value that cannot be kept out of what is written, such as one that is too short, is not given either.
        """
        key = (checked(name), tenant)
        # One at a time, so that many who want the same one ask for it once.
        async with self._turns.setdefault(key, asyncio.Lock()):
            value, until = self._kept.get(key, ("", 0.0))
            if value and self._clock() < until:
                return value
            forgotten = self._forgotten
            value = await self._found(name, tenant)
            self._secrets.register(name, value)
            self._last[key] = value
            if forgotten == self._forgotten:
                self._kept[key] = (value, self._clock() + self._ttl)
            return value

    def forget(self, name: str) -> None:
        """Look a secret up anew when it is next wanted, for all tenants; its old values stay registered."""
        self._forgotten += 1
        for key in [key for key in self._kept if key[0] == name]:
            del self._kept[key]

    def credentials(
        self, templates: Mapping[str, Mapping[str, str]]
    ) -> Callable[[str, str], Awaitable[Mapping[str, str]]]:
        """Give the credentials of an `Egress`: headers by origin, with `${NAME}` in place of a secret.

        `{"https://api.example.com": {"Authorization": "Bearer ${API_TOKEN}"}}`; what follows `Basic` and has a colon is
        encoded as base64. Raise `ConfigError` for what cannot be an origin or a header.
        """
        return credentials(self, templates)

    def keys(self, tenant: str = "default") -> Callable[[str], str]:
        """Give a look-up for `Settings.keys`: the values that a tenant was last given, without asking a source.

        Await those that are needed first; a name that never was has none.
        """
        return lambda name: self._last.get((name, tenant), "")

    async def _found(self, name: str, tenant: str) -> str:
        for source in self._sources:
            try:
                value = await source.get(name, tenant)
            except RemitError:
                raise
            except Exception as error:  # noqa: BLE001 - a stranger's source, whose words may hold a secret
                kind = type(error).__name__
                raise ConfigError(f"secret {name!r} could not be looked up in {_place(source)}: {kind}") from None
            if value:
                return value
        places = "; ".join(map(_place, self._sources))
        raise ConfigError(f"no secret {name!r} for tenant {tenant!r}; looked for in {places}")


def _place(source: SecretSource) -> str:
    kind = type(source)
    return kind.__name__ if kind.__str__ is object.__str__ else str(source)
