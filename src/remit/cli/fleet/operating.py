"""`remit fleet`: how the queue and the workers of a database stand; pause and rank agents, tenants or all of it."""

import argparse

from remit.cli import exits
from remit.cli.options import add_store, add_store_again
from remit.cli.screen import Screen
from remit.cli.stores import is_url
from remit.core.errors import ConfigError
from remit.core.values import JsonObject
from remit.journal.postgres import Depth, PostgresJournal, Term
from remit.telemetry import duration

_KINDS = ("agent", "tenant", "fleet")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_store(parser)
    acts = parser.add_subparsers(dest="act", required=True, metavar="ACT")
    status = acts.add_parser("status", help="say what waits, who works, and what is paused or ranked")
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
        depths, terms = await journal.queue.depth(), await journal.queue.terms()
        workers = sorted(await journal.workers.look())
    finally:
        await journal.close()
    if args.json:
        screen.result(_json(depths, terms, workers))
    else:
        _tell(screen, depths, terms, workers)
    return exits.DONE


def _json(depths: list[Depth], terms: list[Term], workers: list[str]) -> JsonObject:
    return {
        "workers": [*workers],
        "queues": [
            {"queue": one.queue, "waiting": one.waiting, "taken": one.taken, "oldest_s": round(one.oldest, 3)}
            for one in depths
        ],
        "terms": [{"kind": one.kind, "name": one.name, "rank": one.rank, "paused": one.paused} for one in terms],
    }


def _tell(screen: Screen, depths: list[Depth], terms: list[Term], workers: list[str]) -> None:
    screen.say(f"workers  {', '.join(workers) or 'none'}")
    for one in depths:
        age = f", the oldest for {duration(int(1000 * one.oldest))}" if one.waiting else ""
        screen.say(f"queue    {one.queue}: {one.waiting} wait{age}; {one.taken} under way")
    if not depths:
        screen.say("queue    nothing to do")
    for one in terms:
        if one.rank or one.paused:
            what = " ".join(filter(None, (one.kind, one.name)))
            screen.say(f"term     {what}: {'paused' if one.paused else 'goes on'}, rank {one.rank}")
