"""`remit policy`: policies in Cedar from a terminal."""

from remit.cli.policy.command import add_arguments, main

__all__ = ["add_arguments", "main"]
