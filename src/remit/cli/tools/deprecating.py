"""`remit tools deprecate`: say that a tool should no longer be used. It can still be called."""

import argparse

from remit.cli import exits
from remit.cli.screen import Screen
from remit.core.errors import ConfigError
from remit.tools.registry import Project, Registry, deprecated


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the act takes."""
    parser.add_argument("name", metavar="NAME", help="the tool")
    parser.add_argument("--reason", metavar="TEXT", required=True, help="why; models read it too")
    parser.add_argument("--use", metavar="OTHER", default="", help="the tool to use instead")


async def main(args: argparse.Namespace, project: Project) -> int:
    """Look whether the tools exist, and write it down."""
    screen = Screen(out=args.out, json=args.json)
    reason = " ".join(args.reason.split()).rstrip(".")
    if not reason or args.use == args.name:
        raise ConfigError("--reason says why, and --use names another tool")
    async with Registry(project) as registry:
        await registry.find(args.name, *([args.use] if args.use else []))
    why = f"{reason}; use {args.use}" if args.use else reason
    deprecated(project.file, args.name, why).write()
    if screen.json:
        screen.result({"tool": args.name, "deprecated": why})
    screen.hint(f"{args.name} is deprecated: {why}; it can still be called")
    return exits.DONE
