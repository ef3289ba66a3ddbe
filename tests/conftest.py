"""What holds for every test: laws are tried the same way each time, and nothing reaches past this machine."""

import ipaddress
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings

pytest_plugins = ["tests.certificates", "tests.journal.postgres.fixtures"]
"""A certificate and a PostgreSQL for whoever asks for one."""

settings.register_profile("ci", derandomize=True, deadline=None)
settings.load_profile("ci")

_attempts: list[str] = []


class OutsideError(RuntimeError):
    """A test tried to connect to another machine."""


def _is_local(host: object) -> bool:
    """Whether a host is this machine; of names, only localhost is."""
    name = host.decode() if isinstance(host, bytes) else str(host or "localhost")
    if name == "localhost":
        return True
    try:
        address = ipaddress.ip_address(name.partition("%")[0])
        return address.is_loopback or address.is_unspecified
    except ValueError:
        return False


def _forbid_the_outside(event: str, args: tuple[Any, ...]) -> None:
    """Refuse a look-up or a connection before the system makes it, whichever library asks."""
    match event:
        case "socket.getaddrinfo":
            host = args[0]
        case "socket.connect" | "socket.sendto":
            host = None if isinstance(args[1], str | bytes) else args[1][0]  # a Unix socket's address is a path
        case _:
            return
    if not _is_local(host):
        _attempts.append(str(host))
        raise OutsideError(f"a test may only reach this machine, not {host!r}; use a local server")


# An audit hook stays for the life of the process, hence here and not in a fixture.
sys.addaudithook(_forbid_the_outside)


@pytest.fixture(autouse=True)
def outside() -> Iterator[list[str]]:
    """Hosts that the test tried to reach; it fails if any is left at its end, even if the code hid the refusal."""
    _attempts.clear()
    yield _attempts
    assert not _attempts, f"the test tried to reach {_attempts}"
