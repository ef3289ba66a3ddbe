"""Tier T2: Python in processes of its own under namespaces, Landlock, seccomp and limits, with nothing to install."""

from remit.sandbox.native.driver import NativeSandbox
from remit.sandbox.native.levels import Level

__all__ = ["Level", "NativeSandbox"]
