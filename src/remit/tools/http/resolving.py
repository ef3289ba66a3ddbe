"""Resolving: from the name of a host to its addresses. Nobody else asks for them again before a connection is made."""

import asyncio
import socket
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from remit.policy.hosts import HostPolicy
from remit.policy.hosts.destinations import Destination


class Resolver(Protocol):
    """Knows the addresses of hosts."""

    async def resolve(self, host: str) -> Sequence[str]:
        """Give all addresses, best first; raise `OSError` when there are none."""
        ...


class SystemResolver:
    """What this machine uses: its hosts file, then DNS."""

    def __init__(self, threads: int = 16) -> None:
        """Ask for so many names at the same time, in threads of its own."""
        # Whoever runs a slow DNS server must not be able to take all threads of this process.
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="remit-names")

    async def resolve(self, host: str) -> Sequence[str]:
        """Ask the system, in a thread."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.run_in_executor(self._threads, _ask, host)
        except UnicodeError:
            raise OSError("the name is too long") from None
        return tuple(dict.fromkeys(str(place[0]) for *_, place in found))


def _ask(host: str) -> "Sequence[tuple[int, int, int, str, tuple[str | int, ...] | tuple[int, bytes]]]":
    return socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)


class HostsFile:
    """Fixed addresses by name, and no others."""

    def __init__(self, addresses: Mapping[str, Sequence[str]]) -> None:
        """Take the addresses of each name."""
        self._addresses = dict(addresses)

    async def resolve(self, host: str) -> Sequence[str]:
        """Look a name up."""
        if host not in self._addresses:
            raise OSError(f"{host} is not in the file")
        return self._addresses[host]


class ForbiddenError(Exception):
    """The policy says no; the message says why."""


async def checked(policy: HostPolicy, resolver: Resolver, to: Destination) -> tuple[str, ...]:
    """Judge a destination, ask for its addresses once, and judge it again with all of them.

    Raise `ForbiddenError` when either says no, `OSError` when there are no addresses.
    """
    # A question to DNS can itself carry something out, so a name that is refused is never asked for.
    _heed(policy, to, ())
    literal = to.address
    addresses = (str(literal),) if literal else tuple(await resolver.resolve(to.host))
    if not addresses:
        raise OSError("the name has no address")
    _heed(policy, to, addresses)
    return addresses


def _heed(policy: HostPolicy, to: Destination, addresses: Sequence[str]) -> None:
    verdict = policy.why(to, addresses)
    if not verdict.granted:
        raise ForbiddenError(verdict.reason)
