"""HTTP for tools: one client that keeps to a host policy, and a proxy that holds other programs to the same."""

from remit.tools.http.credentials import Credentials
from remit.tools.http.egress import Bounds, Egress
from remit.tools.http.log import ExchangeLog
from remit.tools.http.port import Incoming, Outgoing, Sender
from remit.tools.http.records import Exchange, Record
from remit.tools.http.resolving import HostsFile, Resolver, SystemResolver
from remit.tools.http.transport import Allowance, GuardedTransport

__all__ = [
    "Allowance",
    "Bounds",
    "Credentials",
    "Egress",
    "Exchange",
    "ExchangeLog",
    "GuardedTransport",
    "HostsFile",
    "Incoming",
    "Outgoing",
    "Record",
    "Resolver",
    "Sender",
    "SystemResolver",
]
