"""`remit tools list`: all tools of the project. A source that is broken hides no other."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import assert_never

import msgspec

from remit.cli import exits
from remit.cli.screen import Screen
from remit.core.values import JsonObject, show_usd, usd
from remit.tools.checking import FILE, Health, last_checks
from remit.tools.registry import Catalogue, Found, Project, Registry, Status

COLUMNS = ("name", "version", "effect", "owner", "price", "source", "status", "checked")
BROKEN = "broken source"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the act takes."""
    parser.epilog = "exit status:\n  0  all sources could be opened\n  1  one of them is broken"


async def main(args: argparse.Namespace, project: Project) -> int:
    """List them."""
    screen = Screen(out=args.out, json=args.json)
    async with Registry(project) as registry:
        catalogue = await registry.catalogue()
    checks = last_checks(Path(args.store) / FILE.name)
    if screen.json:
        tools: list[JsonObject] = [
            {**told(one), "checked": _told_check(one, checks.get(one.name))} for one in catalogue.found
        ]
        screen.result({"tools": list(tools), **beside(catalogue)})
    else:
        rows = [(*_cells(one), _check(one, checks.get(one.name))) for one in catalogue.found]
        owners = {name: source.owner for name, source in project.sources.items()}
        broken = [name for name in catalogue.broken if name in project.sources]
        rows += [(f"({name})", "", "", owners[name], "", name, BROKEN, "") for name in broken]
        screen.table(*(_narrow(rows) if args.out.isatty() else (COLUMNS, rows)))
        say_beside(screen, catalogue)
        if not rows:
            screen.hint("no tools; `remit tools add` adds a source of some")
        _say_next(screen, catalogue)
    return exits.FAILED if catalogue.broken else exits.DONE


def _narrow(rows: Sequence[tuple[str, ...]]) -> tuple[Sequence[str], Sequence[Sequence[str]]]:
    """Leave out the columns that say nothing, so that names have room on a terminal; programs get all of them."""
    usual = {"version": {"", "1"}, "owner": {""}, "price": {""}, "checked": {"", "never"}}
    kept = [place for place, name in enumerate(COLUMNS) if not {row[place] for row in rows} <= usual.get(name, set())]
    return [COLUMNS[place] for place in kept], [[row[place] for place in kept] for row in rows]


def told(found: Found) -> JsonObject:
    """Write the line of a tool for machines."""
    now = found.now
    return {
        "name": now.name,
        "version": now.version,
        "effect": now.effect,
        "owner": now.owner,
        "price": usd(now.price),
        "source": now.source,
        "status": found.status,
        "deprecated": now.deprecated,
        "why": found.tool.spec.withheld,
    }


def beside(catalogue: Catalogue) -> JsonObject:
    """Write what is wrong with sources for machines."""
    left_out: JsonObject = {source: dict(why) for source, why in catalogue.left_out.items()}
    return {"broken": dict(catalogue.broken), "left_out": left_out}


def say_beside(screen: Screen, catalogue: Catalogue) -> None:
    """Say what is wrong with sources."""
    for name, why in catalogue.broken.items():
        screen.hint(f"{name}: {why}", "red")
    for source, left_out in catalogue.left_out.items():
        for name, why in left_out.items():
            screen.hint(f"{source}: {name} is left out: {why}", "yellow")


def meaning(status: Status) -> str:
    """Say what a status means."""
    match status:
        case "current":
            return "as it was reviewed"
        case "deprecated":
            return "as it was reviewed, and no longer to be used"
        case "new":
            return "never reviewed"
        case "drifted":
            return "changed since it was reviewed, and allowed all the same"
        case "withheld":
            return "kept from agents: it is not what was reviewed"
        case _:
            assert_never(status)


def _say_next(screen: Screen, catalogue: Catalogue) -> None:
    waiting = [one for one in catalogue.found if one.status in {"new", "drifted", "withheld"}]
    if waiting:
        screen.hint(f"{len(waiting)} to review: `remit tools diff` shows what changed, `remit tools lock` pins it")


def _told_check(found: Found, health: Health | None) -> JsonObject | None:
    if health is None:
        return None
    told: JsonObject = msgspec.to_builtins(health)
    return {**told, "outdated": _outdated(found, health)}


def _check(found: Found, health: Health | None) -> str:
    """Say how the last check of a tool went."""
    if health is None:
        return "never"
    errors = f", {health.error_rate:.0%} errors" if health.error_rate else ""
    return f"{health.status}{errors}{', changed since' if _outdated(found, health) else ''}"


def _outdated(found: Found, health: Health) -> bool:
    return bool(health.contract) and health.contract != found.tool.spec.digest()


def _cells(found: Found) -> tuple[str, ...]:
    now = found.now
    price = show_usd(now.price) if now.price else ""
    return (now.name, now.version, now.effect, now.owner, price, now.source, found.status)
