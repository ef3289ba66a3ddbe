"""`remit db`: the database of a fleet: its version, what is in it, and sessions that go to files and come back."""

from remit.cli.database.command import add_arguments, main

__all__ = ["add_arguments", "main"]
