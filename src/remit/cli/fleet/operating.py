"""`remit fleet`: how the queue and the workers of a database stand; pause and rank agents, tenants or all of it."""

import argparse
from dataclasses import asdict, dataclass

from remit.cli import exits
from remit.cli.options import add_store, add_store_again
from remit.cli.screen import Screen
from remit.cli.stores import is_url
from remit.core.errors import ConfigError
from remit.core.values import JsonObject
from remit.journal.postgres import Depth, Kept, PostgresJournal, Term
from remit.telemetry import duration

_KINDS = ("agent", "tenant", "fleet")


@dataclass(frozen=True, slots=True)
class _Found:
    """How a fleet stands."""

    workers: list[str]
    depths: list[Depth]
    kept: list[Kept]
    terms: list[Term]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_store(parser)
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    status = acts.add_parser("status", help="say what waits, who works, which versions have sessions, what is paused")
    add_store_again(status)
    for name, summary in (
        ("pause", "have its sessions stop after their step, and none begin"),
        ("go", "have what was paused go on"),
        ("rank", "have its sessions go before others, or after them"),
    ):
        act = acts.add_parser(name, help=summary)
        kinds = _KINDS if name != "rank" else _KINDS[:2]
        act.add_argument("kind", choices=kinds, help=f"{' or '.join(kinds)}")
        act.add_argument("name", nargs="?", default="", help="of the agent or tenant")
        if name == "rank":
            act.add_argument("rank", type=int, help="-100 to 100; 0 for those of whom nothing is said")
        add_store_again(act)


async def main(args: argparse.Namespace) -> int:
    """Do it."""
    screen = Screen(out=args.out, json=args.json)
    place = str(args.store)
    if not is_url(place):
        raise ConfigError(f"{place!r} is a folder, which no fleet works in: --store postgresql://USER@HOST/DATABASE")
    if args.act != "status" and (args.kind == "fleet") == bool(args.name):
        raise ConfigError("the fleet has no name" if args.name else f"which {args.kind}? Give its name")
    journal = await PostgresJournal.open(place)
    try:
        if args.act != "status":
            paused = None if args.act == "rank" else args.act == "pause"
            rank = args.rank if args.act == "rank" else None
            await journal.queue.set_term(args.kind, args.name, rank=rank, paused=paused)
        await journal.queue.install()
        queue = journal.queue
        workers = sorted(await journal.workers.look())
        found = _Found(workers, await queue.depth(), await queue.kept(), await queue.terms())
    finally:
        await journal.close()
    if args.json:
        screen.result(_json(found))
    else:
        _tell(screen, found)
    return exits.DONE


def _json(found: _Found) -> JsonObject:
    return {
        "workers": [*found.workers],
        "queues": [
            {"queue": one.queue, "waiting": one.waiting, "taken": one.taken, "oldest_s": round(one.oldest, 3)}
            for one in found.depths
        ],
        "sessions": [asdict(one) for one in found.kept],
        "terms": [{"kind": one.kind, "name": one.name, "rank": one.rank, "paused": one.paused} for one in found.terms],
    }


def _tell(screen: Screen, found: _Found) -> None:
    screen.say(f"workers  {', '.join(found.workers) or 'none'}")
    for one in found.depths:
        age = f", the oldest for {duration(int(1000 * one.oldest))}" if one.waiting else ""
        screen.say(f"queue    {one.queue}: {one.waiting} wait{age}; {one.taken} under way")
    if not found.depths:
        screen.say("queue    nothing to do")
    for one in found.kept:
        counts = f"{one.running} run, {one.waiting} wait for somebody, {one.idle} are idle"
        screen.say(f"sessions {one.agent}@{one.version}: {counts}")
    for one in found.terms:
        if one.rank or one.paused:
            what = " ".join(filter(None, (one.kind, one.name)))
            screen.say(f"term     {what}: {'paused' if one.paused else 'goes on'}, rank {one.rank}")
