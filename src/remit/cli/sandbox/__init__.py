"""`remit sandbox`: the places for untrusted code from a terminal."""

from remit.cli.sandbox.command import add_arguments, main

__all__ = ["add_arguments", "main"]
