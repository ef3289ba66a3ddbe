"""`remit top`: what all sessions of a home do now, live in a terminal."""

from remit.cli.top.command import add_arguments, main

__all__ = ["add_arguments", "main"]
