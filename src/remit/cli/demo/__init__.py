"""`remit demo`: the support desk at work, step by step, and a check of everything the demo says."""

from remit.cli.demo.command import add_arguments, main

__all__ = ["add_arguments", "main"]
