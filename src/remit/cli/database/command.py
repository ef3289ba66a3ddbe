"""The command: migrate, look, archive and restore; it works on a database only, never on a folder."""

import argparse
from pathlib import Path

from remit.cli import exits
from remit.cli.access.places import span
from remit.cli.database.migrating import STEPS
from remit.cli.database.standing import standing
from remit.cli.options import add_store, add_store_again
from remit.cli.screen import Screen
from remit.cli.stores import STORE, is_url
from remit.core.errors import ConfigError, NewerSchemaError
from remit.core.values import JsonValue
from remit.journal.postgres import status
from remit.journal.postgres.archive import ENDED, Archived, Plan, Restored, archive, preview, restore
from remit.journal.postgres.schema import VERSION


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the acts take."""
    add_store(parser)
    acts = parser.add_subparsers(dest="act", metavar="ACT", required=True)
    looking = acts.add_parser("status", help="say which version it has, what is in it and who works on it")
    migrating = acts.add_parser("migrate", help="bring it to the version of this Remit; done again, it does nothing")
    archiving = acts.add_parser("archive", help="move sessions that are over to files, with their sub-agents'")
    archiving.description = (
        "Moves sessions that are closed, or whose last run ended "
        f"({', '.join(ENDED)}), with all below them, once none of a tree has changed for so long."
    )
    archiving.add_argument("--older", metavar="TIME", required=True, help="unchanged for so long: 12h, 30d or 8w")
    archiving.add_argument(
        "--to", metavar="DIR", required=True, help="the folder for the files; made if it is not there"
    )
    archiving.add_argument("--session", metavar="ID", default="", help="only this one, the first of its tree")
    archiving.add_argument("--dry-run", action="store_true", help="only say how much it would be")
    restoring = acts.add_parser("restore", help="put sessions of a file back as they were")
    restoring.add_argument("file", metavar="FILE", help="one that `remit db archive` wrote")
    restoring.add_argument(
        "--session", metavar="ID", action="append", default=[], help="only this one; may be repeated"
    )
    for act in (looking, migrating, archiving, restoring):
        add_store_again(act)


async def main(args: argparse.Namespace) -> int:
    """Do what was asked."""
    screen = Screen(out=args.out, json=args.json)
    if not is_url(args.store):
        raise ConfigError(
            f"{args.store!r} is a folder, which needs no upkeep; say which database with "
            f"--store postgresql://USER@HOST:5432/DATABASE or in {STORE}"
        )
    match args.act:
        case "status":
            return await standing(args.store, screen)
        case "migrate":
            return await _migrate(args, screen)
        case "archive":
            return await _archive(args, screen)
        case _:
            return await _restore(args, screen)


async def _migrate(args: argparse.Namespace, screen: Screen) -> int:
    done: dict[str, list[str]] = {}
    try:
        for step in STEPS:
            done[step.name] = list(await step.bring(args.store))
    except NewerSchemaError as error:
        if screen.json:
            screen.result({"error": str(error), "kind": type(error).__name__})
        screen.hint(str(error))
        return exits.REFUSED
    found = await status(args.store)
    if screen.json:
        screen.result({"version": found.version, "done": {name: [*what] for name, what in done.items()}})
        return exits.DONE
    for name, what in done.items():
        for each in what:
            screen.say(f"{name}: {each}")
    ahead = f"; this Remit, of version {VERSION}, still works with it" if found.version > VERSION else ""
    nothing = "" if any(done.values()) else ", nothing to do"
    screen.hint(f"{found.place} is at version {found.version}{nothing}{ahead}")
    return exits.DONE


async def _archive(args: argparse.Namespace, screen: Screen) -> int:
    older = span(args.older) / 1000
    if not older:
        raise ConfigError("--older never archives nothing; write it as 12h, 30d or 8w")
    if args.dry_run:
        seen = await preview(args.store, older, args.session)
        if screen.json:
            screen.result({"trees": seen.trees, "sessions": seen.sessions, "bytes": seen.size})
        else:
            screen.say(f"{seen.sessions} sessions in {seen.trees} trees, {seen.size:,} bytes of events")
        return exits.DONE
    made = await archive(args.store, Plan(folder=Path(args.to), older=older, root=args.session))
    if screen.json:
        screen.result(_json(made))
    else:
        _told(made, screen)
    if args.session and not made.sessions:
        screen.hint(f"{args.session!r} is not here, not over, not the first of its tree, or not unchanged for so long")
        return exits.FAILED
    return exits.FAILED if made.skipped or made.damaged else exits.DONE


def _json(made: Archived) -> dict[str, JsonValue]:
    return {
        "files": [*made.files],
        "finished": [*made.finished],
        "damaged": [*made.damaged],
        "skipped": [*made.skipped],
        "sessions": made.sessions,
        "blobs": made.blobs,
        "longest_lock": round(made.longest, 4),
    }


def _told(made: Archived, screen: Screen) -> None:
    for file in made.finished:
        screen.say(file)
        screen.hint("  somebody who did not come to the end had written it; now it is done")
    for file in made.files:
        screen.say(file)
    for file in made.damaged:
        screen.hint(f"{file} is damaged and not one the database knows; take it away", "yellow")
    for what in made.skipped:
        screen.hint(what, "red")
    screen.hint(f"{made.sessions} sessions archived; {made.blobs} blobs of earlier ones removed")


async def _restore(args: argparse.Namespace, screen: Screen) -> int:
    back = await restore(args.store, Path(args.file), args.session)
    if screen.json:
        screen.result({"restored": [*back.restored], "there": [*back.there], "refused": {**back.refused}})
    else:
        _put_back(back, screen)
    return exits.REFUSED if back.refused else exits.DONE


def _put_back(back: Restored, screen: Screen) -> None:
    for name in back.restored:
        screen.say(name)
    for name, why in back.refused.items():
        screen.hint(f"{name}: {why}", "red")
    there = f"; {len(back.there)} were there already" if back.there else ""
    refused = f"; {len(back.refused)} refused" if back.refused else ""
    screen.hint(f"{len(back.restored)} sessions restored{there}{refused}")
