"""`remit desk`: the support desk from a terminal."""

from remit.cli.desk.command import add_arguments, main

__all__ = ["add_arguments", "main"]
