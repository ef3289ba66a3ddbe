"""`remit policy`: declares its acts, and loads only the module of the one that is chosen."""

import argparse
import importlib
from typing import Protocol, cast

from remit.cli.options import add_store
from remit.tools.registry import FILE

_MODULES = {
    "check": "remit.cli.policy.checking",
    "schema": "remit.cli.policy.showing",
    "test": "remit.cli.policy.testing",
    "why": "remit.cli.policy.why",
}


class _Act(Protocol):
    async def main(self, args: argparse.Namespace) -> int: ...


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the acts take."""
    add_store(parser)
    acts = parser.add_subparsers(dest="act", metavar="ACT", required=True)
    check = acts.add_parser("check", help="say what is wrong with the policies, if anything is")
    schema = acts.add_parser("schema", help="show what policies may speak of")
    test = acts.add_parser("test", help="run the tables of calls beside the policies")
    why = acts.add_parser("why", help="say why a call of a session was judged as it was")
    for act in (check, test):
        act.add_argument("--policies", metavar="DIR", default="", help="the folder, instead of the project's")
    for act in (check, schema, test):
        act.add_argument("--agent", metavar="FILE.py:NAME", default="", help="with its tools, instead of the project's")
        act.add_argument("--project", metavar="FILE", default=FILE, help="the project (default: %(default)s)")
    test.add_argument("--junit", metavar="FILE", default="", help="write JUnit XML too")
    test.add_argument("--strict", action="store_true", help="fail when there is a policy that no row exercises")
    why.add_argument("session", metavar="SESSION", help="the session's id, or the beginning of it")
    why.add_argument("step", metavar="STEP", help="a call's id, or the step it belongs to, such as 3 or 4.1.0")
    why.add_argument("--agent", metavar="FILE.py:NAME", default="", help="the agent, if it has moved")
    for act in (check, schema, test, why):
        # Given before the act or after it: an act that is silent must not take back what was said before it.
        act.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="write JSON, and nothing else")
        act.add_argument("--store", metavar="DIR", default=argparse.SUPPRESS, help="where sessions live, for `why`")


async def main(args: argparse.Namespace) -> int:
    """Do what was asked."""
    return await cast("_Act", importlib.import_module(_MODULES[args.act])).main(args)
