"""Entry: finds the command in a table and loads only its module, so that `remit --help` costs next to nothing."""

import argparse
import importlib
import sys
from collections.abc import Sequence
from typing import Protocol, cast

from remit.cli.exits import DONE, MEANINGS, PAUSED, USAGE

COMMANDS = {
    "run": ("remit.cli.commands.run", "give an agent a message and drive it until it answers or waits"),
    "desk": ("remit.cli.desk", "handle support mail: tickets, answers, escalations"),
    "analyst": ("remit.cli.analyst", "answer questions about data files with programs that need no trust"),
    "demo": ("remit.cli.demo", "see the support desk handle mail, crash, refuse and ask, and programs in a box"),
    "sessions": ("remit.cli.commands.sessions", "list sessions"),
    "show": ("remit.cli.commands.show", "show what happened in a session, and what it waits for"),
    "cost": ("remit.cli.commands.cost", "say where the money went, and what would have cost less"),
    "top": ("remit.cli.top", "watch all sessions live; decide and cancel from there"),
    "resume": ("remit.cli.commands.resume", "go on with a session after a crash, a decision or a pause"),
    "approve": ("remit.cli.people.decide", "approve a call that waits, and go on"),
    "deny": ("remit.cli.people.decide", "deny a call that waits, and go on"),
    "answer": ("remit.cli.people.answer", "answer what a call asks, and go on"),
    "settle": ("remit.cli.people.settle", "say whether a call in doubt happened, and go on"),
    "send": ("remit.cli.people.send", "leave a message for a session"),
    "cancel": ("remit.cli.people.cancel", "end a session's run"),
    "close": ("remit.cli.people.close", "end a session for good"),
    "fork": ("remit.cli.commands.fork", "begin a new session with the past of another"),
    "replay": ("remit.cli.commands.replay", "drive the strategy over what is recorded, without touching the world"),
    "raise": ("remit.cli.people.raising", "give a session more room: a higher limit"),
    "new": ("remit.cli.commands.new", "make a starter project that runs offline"),
    "tools": ("remit.cli.tools", "list, review, lock, compare and check the tools of a project"),
    "mcp": ("remit.cli.mcp", "offer an agent, or its tools, to MCP clients"),
    "policy": ("remit.cli.policy", "check policies, test them with tables, and say why a call was judged so"),
    "sandbox": ("remit.cli.sandbox", "run untrusted programs; see what this machine can hold, and attack it"),
    "serve": ("remit.cli.serving.serve", "serve agents, their sessions and decisions over HTTP"),
    "db": ("remit.cli.database", "look after the database of a fleet: version, contents, archives of old sessions"),
    "fleet": ("remit.cli.fleet.operating", "say what waits and who works; pause and rank agents and tenants"),
    "worker": ("remit.cli.fleet.worker", "drive the sessions of a database, beside any number of others"),
    "simulate": ("remit.cli.simulating.simulate", "say which fleet a stated load needs, by measured costs"),
    "gateway": ("remit.cli.serving.gateway", "let other programs reach only what a host policy allows: a proxy"),
    "keys": ("remit.cli.access.keys", "make, list, rotate and revoke the keys that open a server"),
    "audit": ("remit.cli.access.audit", "show who did and was refused what at a server"),
    "doctor": ("remit.cli.commands.doctor", "say what is configured, reachable and missing"),
}
"""By name: the module, which has `add_arguments(parser)` and `async def main(args) -> int`, and a line of help."""


class Command(Protocol):
    """The module of a command."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare options and arguments."""
        ...

    async def main(self, args: argparse.Namespace) -> int:
        """Do it and give the exit status."""
        ...


class _Running(Protocol):
    def run(self, command: Command, args: argparse.Namespace) -> int: ...


class _Metadata(Protocol):
    def version(self, name: str) -> str: ...


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command named on the command line and give its exit status."""
    words = list(sys.argv[1:] if argv is None else argv)
    name = words[0] if words else ""
    if name not in COMMANDS:
        parser = _overview()
        if parser.parse_args(words).version:
            metadata = cast("_Metadata", importlib.import_module("importlib.metadata"))
            sys.stdout.write(f"remit {metadata.version('remit')}\n")
            return DONE
        parser.print_help(sys.stderr)
        return USAGE
    module, summary = COMMANDS[name]
    try:
        command = cast("Command", importlib.import_module(module))
        running = cast("_Running", importlib.import_module("remit.cli.running"))
    except KeyboardInterrupt:
        return PAUSED
    parser = argparse.ArgumentParser(prog=f"remit {name}", description=f"{summary[0].upper()}{summary[1:]}.")
    parser.set_defaults(command=name)
    command.add_arguments(parser)
    return running.run(command, parser.parse_args(words[1:]))


def _overview() -> argparse.ArgumentParser:
    width = max(map(len, COMMANDS))
    commands = "\n".join(f"  {name:<{width}}  {summary}" for name, (_, summary) in COMMANDS.items())
    statuses = "\n".join(f"  {status:>{width}}  {meaning}" for status, meaning in MEANINGS.items())
    parser = argparse.ArgumentParser(
        prog="remit",
        usage="remit COMMAND ...",
        description="Run agents within their remit: what they may do, spend and touch.",
        epilog=f"commands:\n{commands}\n\nexit status:\n{statuses}\n\n"
        "`remit COMMAND --help` says more. Sessions live in .remit/ of the working folder, or where --store\n"
        "or REMIT_STORE says: a folder, or the URL of a PostgreSQL database.\n"
        "REMIT_DEBUG=1 shows the traceback of an error.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="store_true", help="show the version and exit")
    parser.add_argument("command", nargs="?", choices=list(COMMANDS), metavar="COMMAND", help=argparse.SUPPRESS)
    return parser
