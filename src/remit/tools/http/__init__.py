"""HTTP for tools: one client that keeps to a host policy, and a proxy that holds other programs to the same."""

from remit.tools.http.credentials import Credentials
from remit.tools.http.egress import Bounds, Egress
from remit.tools.http.port import Incoming, Outgoing, Sender
from remit.tools.http.records import Exchange, Record
from remit.tools.http.resolving import HostsFile, Resolver, SystemResolver

__all__ = [
    "Bounds",
    "Credentials",
    "Egress",
    "Exchange",
    "HostsFile",
    "Incoming",
    "Outgoing",
    "Record",
    "Resolver",
    "Sender",
    "SystemResolver",
]
