"""Hosts: where programs may connect to. A plain list of allowed and blocked places, judged before and after DNS."""

from remit.policy.hosts.addresses import Address, embedded, inside
from remit.policy.hosts.destinations import Destination, destination, tunnel
from remit.policy.hosts.policy import HostPolicy, HostVerdict
from remit.policy.hosts.rules import HostRule

__all__ = [
    "Address",
    "Destination",
    "HostPolicy",
    "HostRule",
    "HostVerdict",
    "destination",
    "embedded",
    "inside",
    "tunnel",
]
