"""`remit tools lock`: review what changed and pin the contracts of tools."""

import argparse
import sys
from datetime import UTC, datetime

from remit.cli import exits
from remit.cli.options import login
from remit.cli.screen import Screen
from remit.cli.tools.differing import Differences, differences, say
from remit.cli.tools.listing import beside, say_beside
from remit.core.errors import ConfigError
from remit.core.values import JsonValue
from remit.tools.contracts import Lock
from remit.tools.registry import Found, Project


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the act takes."""
    parser.add_argument("names", metavar="NAME", nargs="*", help="only these tools; patterns as in `jira:search_*`")
    parser.add_argument("--by", metavar="NAME", default=login(), help="who reviews (default: %(default)s)")
    parser.add_argument("--yes", action="store_true", help="do not ask about breaking and suspicious changes")
    parser.epilog = (
        "Asks when something is breaking, suspicious or gone; what is compatible or new is pinned at once.\n\n"
        "exit status:\n  0  pinned, or nothing to do\n  1  a source is broken; the tools of the others are pinned\n"
        "  5  not confirmed; nothing was written"
    )


async def main(args: argparse.Namespace, project: Project) -> int:
    """Show what changed, ask where it matters, and pin it."""
    screen = Screen(out=args.out, json=args.json)
    if not args.by.strip():
        raise ConfigError("--by names who reviews")
    found = await differences(project, args.names)
    if not screen.json:
        say(screen, found)
        say_beside(screen, found.catalogue)
    if not args.yes and found.worst in {"breaking", "suspicious"} and not _confirmed(screen, found):
        screen.hint("not confirmed; nothing was written")
        return exits.REFUSED
    pinned = (*found.changed, *found.new)
    if pinned or found.removed:
        _pinned(project.lock(), found, args.by).write(project.lock_file)
    if screen.json:
        locked, removed = list[JsonValue](one.name for one in pinned), list[JsonValue](found.removed)
        screen.result({"locked": locked, "removed": removed, "by": args.by, **beside(found.catalogue)})
    screen.hint(_summary(pinned, found, project))
    return exits.FAILED if found.catalogue.broken else exits.DONE


def _pinned(lock: Lock, found: Differences, by: str) -> Lock:
    today = datetime.now(UTC).date().isoformat()
    for one in (*found.changed, *found.new):
        lock = lock.with_(one.contract, by, today)
    for name in found.removed:
        lock = lock.without(name)
    return lock


def _confirmed(screen: Screen, found: Differences) -> bool:
    serious = [one.name for one in (*found.changed, *found.new) if _serious(one)]
    names = ", ".join((*serious, *found.removed))
    if screen.json:
        raise ConfigError(f"{names} changed in a way that a person must confirm; run it without --json, or with --yes")
    screen.hint(f"{names} changed in a way that needs a second look. Pin it all the same? [y/N]")
    return sys.stdin.readline().strip().lower() in {"y", "yes"}


def _serious(found: Found) -> bool:
    return any(change.kind != "compatible" for change in found.changes)


def _summary(pinned: tuple[Found, ...], found: Differences, project: Project) -> str:
    if not (pinned or found.removed):
        return "nothing to pin: all is as it was reviewed"
    gone = f", {len(found.removed)} taken out" if found.removed else ""
    return f"{len(pinned)} pinned{gone} in {project.lock_file.name}; commit it"
