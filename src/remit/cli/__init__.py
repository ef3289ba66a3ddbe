"""The command line: the same as the library, from a terminal. Nothing heavy is imported before a command needs it."""

from remit.cli.entry import main

__all__ = ["main"]
