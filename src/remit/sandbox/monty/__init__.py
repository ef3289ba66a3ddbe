"""The weakest tier: an interpreter of its own, written in Rust, in worker processes without any access."""

from remit.sandbox.monty.driver import MontySandbox

__all__ = ["MontySandbox"]
