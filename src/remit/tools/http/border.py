"""Border: what every request passes before it leaves. It is judged, its host resolved once, its credentials found."""

import ssl
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import msgspec

from remit.policy.hosts import Destination, HostPolicy
from remit.tools.http.credentials import Credentials
from remit.tools.http.resolving import ForbiddenError, Resolver, checked


class StoppedError(Exception):
    """A request does not leave; the message says why, and holds no secret."""

    def __init__(self, why: str, *, retryable: bool = False) -> None:
        """Say whether it may leave later."""
        super().__init__(f"not sent: {why}")
        self.retryable = retryable


class Clearance(msgspec.Struct, frozen=True):
    """What a request may leave with."""

    addresses: Sequence[str]
    """All that its name leads to, every one of them allowed."""
    added: Mapping[str, str]
    """Headers that say who asks."""

    def signed(self, headers: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        """Give headers with those that are added in the place of their namesakes."""
        ours = {name.lower() for name in self.added}
        return (*(pair for pair in headers if pair[0].lower() not in ours), *self.added.items())


class Border:
    """A host policy with all that is needed to keep to it. Requests of every kind pass the same one."""

    def __init__(
        self,
        policy: HostPolicy,
        credentials: Credentials,
        resolver: Resolver,
        trust: Callable[[], ssl.SSLContext],
    ) -> None:
        """Take the policy, who gives credentials, and how names and certificates are looked up."""
        self._policy, self._credentials, self._resolver, self._trust = policy, credentials, resolver, trust

    @cached_property
    def tls(self) -> ssl.SSLContext:
        """Which certificates are trusted; read when they are first needed."""
        return self._trust()

    async def clear(self, to: Destination, tenant: str) -> Clearance:
        """Let a request pass on behalf of a tenant; raise `StoppedError` when it must not or cannot leave."""
        try:
            addresses = await checked(self._policy, self._resolver, to)
        except ForbiddenError as error:
            raise StoppedError(str(error)) from None
        except OSError:
            raise StoppedError(f"nobody knows where {to.host} is", retryable=True) from None
        try:
            return Clearance(addresses, dict(await self._credentials(to.origin, tenant)))
        except Exception as error:  # noqa: BLE001 - a provider is a stranger's code, and its words may hold a secret
            kind = type(error).__name__
            raise StoppedError(f"no credentials for {to.origin} ({kind})", retryable=True) from None
