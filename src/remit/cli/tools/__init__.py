"""`remit tools`: the registry of a project's tools, and what was reviewed of them."""

from remit.cli.tools.command import add_arguments, main

__all__ = ["add_arguments", "main"]
