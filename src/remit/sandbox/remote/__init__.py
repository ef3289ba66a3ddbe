"""Somebody else's machines: a client of services that speak E2B's API. What they hold cannot be verified from here."""

from remit.sandbox.remote.box import RemoteBox
from remit.sandbox.remote.driver import RemoteSandbox
from remit.sandbox.remote.run import Place
from remit.sandbox.remote.service import Settings

__all__ = ["Place", "RemoteBox", "RemoteSandbox", "Settings"]
