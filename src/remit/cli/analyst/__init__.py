"""`remit analyst`: questions about data files from a terminal."""

from remit.cli.analyst.command import add_arguments, main

__all__ = ["add_arguments", "main"]
