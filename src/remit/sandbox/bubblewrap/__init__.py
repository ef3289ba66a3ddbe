"""Tier T2b: each program in a process of bubblewrap's, an audited launcher, under our own filter and limits."""

from remit.sandbox.bubblewrap.driver import BubblewrapSandbox

__all__ = ["BubblewrapSandbox"]
