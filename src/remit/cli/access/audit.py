"""`remit audit`: shows who did and was refused what at a server, and who changed its keys."""

import argparse

import msgspec

from remit.cli import exits
from remit.cli.access.places import access, moment
from remit.cli.options import add_store
from remit.cli.screen import Screen
from remit.core.errors import ConfigError
from remit.core.values import JsonObject
from remit.server.access import AuditRecord

COLUMNS = ("seq", "when", "allowed", "who", "tenant", "what", "request", "from")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.epilog = (
        "The log grows for ever, and nothing takes a line away. To make room, move audit.db away while no server runs; "
        "a new one begins with line 1."
    )
    add_store(parser)
    parser.add_argument("--tenant", default=None, help="of this tenant only")
    parser.add_argument("--after", metavar="SEQ", type=int, default=None, help="from after this line on, oldest first")
    parser.add_argument("--limit", metavar="N", type=int, default=100, help="at most so many lines (default: 100)")
    parser.add_argument("--refused", action="store_true", help="show only what was refused, of these")


async def main(args: argparse.Namespace) -> int:
    """Show it."""
    if args.limit < 1:
        raise ConfigError(f"--limit {args.limit} shows nothing; give at least 1")
    screen = Screen(out=args.out, json=args.json)
    async with access(args.store) as store:
        if args.after is None:
            found = await store.log.latest(tenant=args.tenant, limit=args.limit)
        else:
            found = await store.log.read(after=args.after, tenant=args.tenant, limit=args.limit)
    shown = [one for one in found if not (args.refused and one.allowed)]
    if screen.json:
        for record in shown:
            line: JsonObject = msgspec.to_builtins(record)
            screen.result(line)
    else:
        screen.table(COLUMNS, [_row(one) for one in shown])
        if not shown:
            screen.hint("nothing in the log yet" if args.after is None else "nothing more in the log")
    return exits.DONE


def _row(record: AuditRecord) -> tuple[str, ...]:
    how = f" ({record.how}{f' {record.key}' if record.key else ''})" if record.how else ""
    times = f" ({record.times} times)" if record.times > 1 else ""
    return (
        str(record.seq),
        moment(record.at),
        "yes" if record.allowed else "no",
        f"{record.name}{how}",
        record.tenant,
        f"{record.what}{times}",
        f"{record.method} {record.path}".strip(),
        record.peer,
    )
