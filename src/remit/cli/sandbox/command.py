"""`remit sandbox`: declares its acts, and loads only the module of the one that is chosen."""

import argparse
import importlib
from typing import Protocol, cast

from remit.cli.options import add_store
from remit.core.programs import TIERS

_MODULES = {
    "doctor": "remit.cli.sandbox.doctor",
    "prepare": "remit.cli.sandbox.prepare",
    "attack": "remit.cli.sandbox.attack",
    "run": "remit.cli.sandbox.run",
}


class _Act(Protocol):
    async def main(self, args: argparse.Namespace) -> int: ...


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the acts take."""
    add_store(parser)
    acts = parser.add_subparsers(dest="act", metavar="ACT", required=True)
    doctor = acts.add_parser("doctor", help="say which tiers this machine can give, and why not more")
    prepare = acts.add_parser("prepare", help="build and download once what tiers need, such as their interpreter")
    attack = acts.add_parser("attack", help="run the attack suite on tiers, and show what held")
    run = acts.add_parser("run", help="run a program in the weakest tier that will do, and show its result")
    prepare.add_argument("tiers", metavar="TIER", nargs="*", help=f"of {', '.join(TIERS[1:])}; all by default")
    attack.add_argument("tiers", metavar="TIER", nargs="*", help=f"of {', '.join(TIERS)}; all but `none` by default")
    attack.add_argument("--only", metavar="TEXT", default="", help="only the attacks whose names have this in them")
    attack.add_argument("--markdown", action="store_true", help="write the table as Markdown, and nothing else")
    run.add_argument("file", metavar="FILE", help="the program, in Python; - reads standard input")
    run.add_argument(
        "--language",
        choices=("full", "subset"),
        default="full",
        help="whether it needs all of Python, or a subset will do, as in the tier `interpreter` (default: %(default)s)",
    )
    run.add_argument("--package", metavar="NAME", action="append", default=[], help="a library it needs; repeatable")
    run.add_argument("--mount", metavar="SRC:/data/x", action="append", default=[], help="what it may read; repeatable")
    for act in (doctor, run):
        act.add_argument("--least", metavar="TIER", choices=TIERS[1:], help=f"at least: {', '.join(TIERS[1:])}")
    for act in (doctor, prepare, attack, run):
        # Given before the act or after it: an act that is silent must not take back what was said before it.
        act.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="write JSON, and nothing else")
        act.add_argument("--store", default=argparse.SUPPRESS, help=argparse.SUPPRESS)


async def main(args: argparse.Namespace) -> int:
    """Do what was asked."""
    return await cast("_Act", importlib.import_module(_MODULES[args.act])).main(args)
