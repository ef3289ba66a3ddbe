"""Edge: the one way by which the tools of a project reach HTTP, with the credentials of the sources added there."""

import base64
from collections.abc import Mapping

from remit.core.errors import ConfigError, RejectedError
from remit.policy.hosts import Destination, HostPolicy, destination
from remit.tools.http import Egress, GuardedTransport, Incoming, Outgoing, Record
from remit.tools.http.records import forgotten
from remit.tools.registry.lookups import Secret, filled
from remit.tools.registry.sources import Auth


class Edge:
    """Sends what tools of a project send, within its host policy and on behalf of the tenant of each request."""

    def __init__(self, policy: HostPolicy, secret: Secret, record: Record = forgotten) -> None:
        """Take the policy, who knows the secrets, and who records."""
        self.policy, self.secret = policy, secret
        self._signed: dict[str, tuple[str, Auth]] = {}
        self._egress = Egress(policy, credentials=self._credentials, record=record)

    async def send(self, request: Outgoing) -> Incoming:
        """Send a request; see `Sender` for what it raises."""
        return await self._egress.send(request)

    def transport(self) -> GuardedTransport:
        """Make a transport for a client that a library brings along."""
        return self._egress.transport()

    def sign(self, source: str, url: str, auth: Auth) -> None:
        """Add a header to all requests to the server of a URL; raise `ConfigError` when another source does already."""
        origin = origin_of(url)
        taken, said = self._signed.setdefault(origin, (source, auth))
        if said != auth:
            raise ConfigError(
                f"sources {taken!r} and {source!r} sign requests to {origin} in two ways; use `auth.token` for one"
            )

    async def close(self) -> None:
        """Let go of all connections; a request after this opens new ones."""
        await self._egress.close()

    async def _credentials(self, origin: str, tenant: str) -> Mapping[str, str]:
        found = self._signed.get(origin)
        return {} if found is None else await headers_of(found[1], tenant, self.secret)


async def headers_of(auth: Auth, tenant: str, secret: Secret) -> dict[str, str]:
    """Write credentials as a header; raise `RejectedError` when a secret is missing or cannot stand in one."""
    if auth.header:
        name, value = auth.header, await filled(auth.value, tenant, secret)
    elif auth.token:
        name, value = "Authorization", f"Bearer {await filled(auth.token, tenant, secret)}"
    else:
        login = f"{await filled(auth.user, tenant, secret)}:{await filled(auth.password, tenant, secret)}"
        name, value = "Authorization", f"Basic {base64.b64encode(login.encode()).decode()}"
    # Whoever refuses it later would say what it is, and it is secret. A file's last line end is no part of it.
    value = value.strip()
    if not value.isascii() or not value.isprintable():
        raise RejectedError(f"not sent: the secret for the header {name!r} holds what no header may hold")
    return {name: value}


def origin_of(url: str) -> str:
    """Give where a URL leads, as `https://host`, with the port where it is not the usual one."""
    return _destination(url).origin


def host_of(url: str) -> str:
    """Give the host of a URL."""
    return _destination(url).host


def _destination(url: str) -> Destination:
    try:
        return destination(url)
    except ValueError as error:
        raise ConfigError(f"{url!r} is no address: {error}") from None
