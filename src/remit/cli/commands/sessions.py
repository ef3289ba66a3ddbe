"""`remit sessions`: list sessions, newest first."""

import argparse

from remit.cli import exits
from remit.cli.options import add_store
from remit.cli.places import ALL, fallen, stored
from remit.cli.screen import Screen
from remit.core.errors import ConfigError
from remit.core.ports import SessionQuery, SessionRow
from remit.core.values import JsonObject, now_ms
from remit.telemetry import duration

STATUSES = ("idle", "running", "waiting", "closed", "crashed")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--status", choices=STATUSES, default="", help="only these; crashed: the worker died")
    parser.add_argument("--agent", metavar="NAME", default="", help="only of this agent")
    parser.add_argument("--tenant", metavar="NAME", default="", help="only of this tenant")
    parser.add_argument("--limit", metavar="N", type=int, default=30, help="at most so many (default: %(default)s)")
    add_store(parser)


async def main(args: argparse.Namespace) -> int:
    """List them."""
    if args.limit < 1:
        raise ConfigError(f"--limit is at least 1, not {args.limit}")
    screen = Screen(out=args.out, json=args.json)
    # Whether a running one has crashed is not in the catalogue, so those are looked at before they are counted.
    looking = args.status in {"running", "crashed"}
    query = SessionQuery(
        status="running" if looking else args.status,
        agent=args.agent,
        tenant=args.tenant,
        limit=ALL if looking else args.limit,
    )
    async with stored(args.store) as store:
        rows = await store.sessions(query)
        crashed = await fallen(args.store, store, rows)
    if looking:
        rows = [row for row in rows if (row.id in crashed) == (args.status == "crashed")][: args.limit]
    if screen.json:
        screen.result({"sessions": [_told(row, crashed) for row in rows]})
        return exits.DONE
    now = now_ms()
    columns = ("session", "agent", "status", "tenant", "changed", "opened")
    screen.table(columns, [_cells(row, crashed, now) for row in rows])
    if not rows:
        screen.hint("no sessions like this")
    return exits.DONE


def _status(row: SessionRow, crashed: frozenset[str]) -> str:
    return "crashed" if row.id in crashed else row.status


def _cells(row: SessionRow, crashed: frozenset[str], now: int) -> tuple[str, ...]:
    why = f" ({row.why.replace('_', ' ')})" if row.why else ""
    ages = (f"{duration(now - at)} ago" for at in (row.changed, row.opened))
    return (row.id, row.agent, _status(row, crashed) + why, row.tenant, *ages)


def _told(row: SessionRow, crashed: frozenset[str]) -> JsonObject:
    return {
        "session": row.id,
        "agent": row.agent,
        "tenant": row.tenant,
        "status": _status(row, crashed),
        "why": row.why,
        "opened": row.opened,
        "changed": row.changed,
        "parent": row.parent,
    }
