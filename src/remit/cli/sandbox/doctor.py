"""`remit sandbox doctor`: what this machine can give per tier, and why not more."""

import argparse
import asyncio
from textwrap import wrap

import msgspec

from remit.cli import exits
from remit.cli.screen import Screen
from remit.core.programs import TIERS, Capabilities, Sandbox
from remit.sandbox.choosing import standard

_DATA = ("duckdb", "matplotlib", "numpy", "pandas", "pyarrow")
"""Libraries that are looked for because most data work needs them."""
_WIDTH = 80
"""Columns of a terminal."""


async def main(args: argparse.Namespace) -> int:
    """Try every tier and say what was found."""
    screen = Screen(out=args.out, json=args.json)
    sandbox = standard(packages=_DATA)
    found: list[Capabilities] = []
    try:
        for each in sandbox.sandboxes:
            found.append(await _known(screen, each))
    finally:
        screen.clear()
        await sandbox.close()
    usable = [known for known in found if known.available]
    met = not args.least or any(TIERS.index(known.tier) >= TIERS.index(args.least) for known in usable)
    if screen.json:
        screen.result({"tiers": [msgspec.to_builtins(known) for known in found], "least": args.least, "met": met})
    else:
        _say(screen, found)
        if not met:
            screen.hint(f"neither {args.least!r} nor a stronger tier is available here", "red")
    return exits.DONE if met else exits.FAILED


async def _known(screen: Screen, sandbox: Sandbox) -> Capabilities:
    tier = getattr(sandbox, "tier", "")
    screen.under_way(f"trying {tier}")
    # Drivers find out by starting processes, with a loop of their own.
    return await asyncio.to_thread(sandbox.capabilities)


def _say(screen: Screen, found: list[Capabilities]) -> None:
    width = max(len(known.tier) for known in found)
    for known in found:
        mark = "ok" if known.available else "absent"
        screen.say(f"{mark:<6}  {known.tier:<{width}}  {'; '.join(_gives(known))}", "" if known.available else "yellow")
        for lack in known.missing:
            why = f"not more: {lack}" if known.available else lack
            for line in wrap(why, _WIDTH - width - 10) if screen.streams else [why]:
                screen.say(f"{'':<6}  {'':<{width}}  {line}", "dim")


def _gives(known: Capabilities) -> list[str]:
    """List what a tier gives, in words."""
    if not known.available:
        return ["not available"]
    gives = [known.level or "full", "all of Python" if known.language == "full" else "a subset of Python"]
    if known.packages:
        gives.append(f"with {_some(known.packages)}")
    if known.deterministic:
        gives.append("deterministic")
    if known.pause:
        gives.append("programs can be kept while they wait")
    return gives


def _some(packages: tuple[str, ...]) -> str:
    """Name the libraries of data work, and count the others: some tiers have all that are installed here."""
    named = [name for name in packages if name in _DATA] or list(packages[: len(_DATA)])
    more = len(packages) - len(named)
    return f"{', '.join(named)}{f' and {more} more' if more else ''}"
