"""`remit top`: show what all sessions of a home do, until `q`; without a terminal, once."""

import argparse
import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Protocol, cast

from remit.cli import exits
from remit.cli.agents import load
from remit.cli.options import add_store, login
from remit.cli.places import settled, stored
from remit.cli.screen import Screen
from remit.cli.top.acting import Acting
from remit.cli.top.lines import SHOWN, SORTS, Wanted, words
from remit.cli.top.snapshot import write
from remit.cli.top.watching import Watching
from remit.core.errors import ConfigError
from remit.core.limits import Tenant

THEMES = ("auto", "dark", "light", "terminal")


class _App(Protocol):
    async def run_async(self) -> object: ...


class _Apps(Protocol):
    def opened(self, watching: Watching, acting: Acting, wanted: Wanted, every: float, theme: str) -> _App: ...


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "agents", metavar="FILE.py:NAME", nargs="*", help="agents whose modules declare the tenants and their budgets"
    )
    parser.add_argument("--once", action="store_true", help="print how everything stands, and exit")
    parser.add_argument("--filter", metavar="TEXT", default="", help="only these, such as: status:waiting agent:desk")
    parser.add_argument("--show", choices=SHOWN, default="all", help="people: what needs one; live: all not at rest")
    parser.add_argument("--sort", choices=SORTS, default="attention", help="what comes first (default: %(default)s)")
    parser.add_argument("--tenant", metavar="NAME", default="", help="only of this tenant")
    parser.add_argument("--every", metavar="S", type=float, default=1.0, help="seconds between two looks (default: 1)")
    parser.add_argument("--by", metavar="NAME", default=login(), help="who decides (default: %(default)s)")
    parser.add_argument(
        "--theme", choices=THEMES, default="auto", help="auto asks COLORFGBG; terminal uses its own colours"
    )
    add_store(parser)


async def main(args: argparse.Namespace) -> int:
    """Show it."""
    if args.every < 0.1:
        raise ConfigError(f"--every is at least 0.1 seconds, not {args.every:g}")
    wanted = Wanted(args.show, words(args.filter), args.sort)
    screen = Screen(out=args.out, json=args.json)
    live = not (args.json or args.once) and args.out.isatty() and sys.stdin.isatty()
    apps = _apps() if live else None
    place = str(args.store)
    async with stored(place) as store:
        watching = Watching(store, place, tenant=args.tenant, tenants=_tenants(args.agents))
        if apps is None:
            await watching.look()
            write(watching.picture(), wanted, screen)
            return exits.DONE
        acting = Acting(store, place, args.by)
        await apps.opened(watching, acting, wanted, args.every, theme(args.theme, os.environ)).run_async()
    return exits.DONE


def theme(wish: str, environ: Mapping[str, str]) -> str:
    """Say which theme to use: where none is wished, the one for the background that a terminal names."""
    if wish != "auto":
        return wish
    background = environ.get("COLORFGBG", "").rpartition(";")[2]
    return "light" if background in {"7", "15"} else "dark"


def _tenants(agents: Sequence[str]) -> list[Tenant]:
    found = {tenant.name: tenant for ref in agents for tenant in settled(load(ref), "", None).tenants}
    return list(found.values())


def _apps() -> _Apps:
    # Its library is an extra, and whoever lacks it is told so.
    try:
        return cast("_Apps", importlib.import_module("remit.cli.top.app"))
    except ImportError as error:
        problem = f"`remit top` needs an extra: pip install 'remit[top]'; --once does without ({error})"
        raise ConfigError(problem) from error
