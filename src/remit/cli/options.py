"""Options: what several commands take, declared once."""

import argparse
import getpass
import os
from dataclasses import dataclass

from remit.cli.stores import STORE, usual
from remit.home import FOLDER
from remit.journal import Durability

MODEL = "REMIT_MODEL"
"""Names the model to use instead of an agent's own."""


@dataclass(frozen=True, slots=True)
class Driving:
    """What the command line says of how an agent is driven."""

    durability: Durability | None = None
    model: str = ""


def add_store(parser: argparse.ArgumentParser) -> None:
    """Take `--store` and `--json`, which every command has."""
    parser.add_argument(
        "--store",
        metavar="PLACE",
        default=usual(),
        help=f"where sessions live: a folder, or the URL of a PostgreSQL database; also {STORE} (default: {FOLDER})",
    )
    add_json(parser)


def add_store_again(act: argparse.ArgumentParser) -> None:
    """Take both after the act of a command too: an act that is silent must not take back what was said before it."""
    act.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="write JSON, and nothing else")
    act.add_argument("--store", metavar="URL", default=argparse.SUPPRESS, help=f"the database; also {STORE}")


def add_json(parser: argparse.ArgumentParser) -> None:
    """Take `--json`."""
    parser.add_argument("--json", action="store_true", help="write JSON, and nothing else, to standard output")


def add_session(parser: argparse.ArgumentParser) -> None:
    """Take the id of a session."""
    parser.add_argument("session", metavar="ID", help="the session's id, or the beginning of it")


def add_driving(parser: argparse.ArgumentParser) -> None:
    """Take what shapes how an agent is driven."""
    parser.add_argument("--quiet", action="store_true", help="show only the output")
    parser.add_argument(
        "--durability",
        choices=("process", "power"),
        help="what a record in a folder survives: the death of the process (default), or a power cut; a database is "
        "as durable as it is set to be",
    )
    parser.add_argument(
        "--model",
        metavar="NAME",
        default=os.environ.get(MODEL, ""),
        help=f"instead of the agent's own, such as openai:NAME or ollama:NAME; also {MODEL}",
    )


def driving(args: argparse.Namespace) -> Driving:
    """Read what `add_driving` took."""
    return Driving(args.durability, args.model)


def add_going_on(parser: argparse.ArgumentParser) -> None:
    """Take what is needed to go on with a session after a person acted."""
    parser.add_argument("--agent", metavar="FILE.py:NAME", default="", help="the agent, if it has moved")
    parser.add_argument("--no-resume", action="store_true", help="only write it down; `remit resume` goes on")
    add_driving(parser)


def add_person(parser: argparse.ArgumentParser) -> None:
    """Take who acts and why."""
    parser.add_argument("--by", metavar="NAME", default=login(), help="who decides (default: %(default)s)")
    parser.add_argument("--reason", metavar="TEXT", default="", help="why; it goes into the journal")


def login() -> str:
    """Name the user at this terminal."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container may run as a number that has no name.
        return "operator"
