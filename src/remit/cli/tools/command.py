"""`remit tools`: finds the act in a table and loads only its module."""

import argparse
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, cast

from remit.cli.options import add_json, add_store
from remit.core.errors import ConfigError
from remit.tools.registry import FILE, Project

ACTS = {
    "list": ("listing", "list all tools and how they stand to what was reviewed"),
    "show": ("showing", "show all there is to know of a tool"),
    "add": ("adding", "add a source of tools to the project's file, after opening it"),
    "lock": ("locking", "review what changed and pin the contracts of tools"),
    "diff": ("differing", "say what changed since tools were reviewed"),
    "deprecate": ("deprecating", "say that a tool should no longer be used"),
    "check": ("checking", "call tools as their contracts say, and see whether they keep them"),
}
"""By name: the module, which has `add_arguments(parser)` and `async def main(args, project) -> int`, and its help."""


class Act(Protocol):
    """The module of an act."""

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare options and arguments."""
        ...

    async def main(self, args: argparse.Namespace, project: Project) -> int:
        """Do it and give the exit status."""
        ...


class _Words(argparse.Action):
    """Reads the words after an act as that act wants them."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Load the module of the act and let it declare its words."""
        name = str(namespace.act)
        summary = ACTS[name][1]
        # An act may declare the common options in words of its own.
        inner = argparse.ArgumentParser(
            prog=f"{parser.prog} {name}",
            description=f"{summary[0].upper()}{summary[1:]}.",
            conflict_handler="resolve",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        _add_common(inner)
        try:
            _act(name).add_arguments(inner)
        except ConfigError as error:
            parser.error(str(error))
        inner.parse_args(list(values or ()), namespace)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what all acts take; each declares the rest when it is chosen."""
    width = max(map(len, ACTS))
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    acts = "\n".join(f"  {name:<{width}}  {summary}" for name, (_, summary) in ACTS.items())
    parser.epilog = f"acts:\n{acts}\n\n`{parser.prog} ACT --help` says more."
    add_store(parser)
    parser.add_argument("--project", metavar="FILE", default=FILE, help="the project (default: %(default)s)")
    parser.add_argument("act", choices=list(ACTS), metavar="ACT", help="what to do")
    parser.add_argument("words", nargs=argparse.REMAINDER, action=_Words, help=argparse.SUPPRESS)


async def main(args: argparse.Namespace) -> int:
    """Do what was asked with the project."""
    return await _act(args.act).main(args, _project(Path(args.project), fresh=args.act == "add"))


def _add_common(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--project", metavar="FILE", default=FILE, help="the project (default: %(default)s)")
    add_json(parser)


def _project(file: Path, *, fresh: bool) -> Project:
    return Project(file=file) if fresh and not file.exists() else Project.read(file)


def _act(name: str) -> Act:
    module = f"remit.cli.tools.{ACTS[name][0]}"
    try:
        return cast("Act", importlib.import_module(module))
    except ImportError as error:
        raise ConfigError(f"`remit tools {name}` cannot be loaded: {error}") from error
