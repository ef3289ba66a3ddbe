"""`remit show`: what happened in a session, what it cost, and what it waits for."""

import argparse
from datetime import datetime

from remit.cli import exits
from remit.cli.driving import explain
from remit.cli.options import add_session, add_store
from remit.cli.places import find, folded, standing, stored
from remit.cli.screen import Screen
from remit.core.events import Record, SessionClosed
from remit.core.ports import Store
from remit.core.state import State
from remit.core.values import show_usd
from remit.telemetry import Timeline, Totals, plain


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_session(parser)
    parser.add_argument("--follow", action="store_true", help="go on showing what happens, until Ctrl-C or its end")
    add_store(parser)


async def main(args: argparse.Namespace) -> int:
    """Show it; with `--json`, every record as a line."""
    screen = Screen(out=args.out, json=args.json)
    async with stored(args.store) as store:
        session = await find(store, args.session)
        if args.follow:
            return await _follow(store, session, screen)
        records = await store.read(session)
        if screen.json:
            for record in records:
                screen.result(plain(record))
            return exits.DONE
        timeline, rows = Timeline.tell(records)
        stands = await standing(args.store, store, session)
        state = await folded(store, session)
    screen.say(f"session {session}: {stands.status}", "bold")
    screen.say(_about(state, records))
    for row in rows:
        screen.row(row)
    screen.say(_sum(timeline.totals), "bold")
    explain(screen.say, stands)
    return exits.DONE


async def _follow(store: Store, session: str, screen: Screen) -> int:
    timeline = Timeline()
    async for record in store.follow(session):
        if screen.json:
            screen.result(plain(record))
        else:
            row = timeline.see(record)
            if row is not None:
                screen.row(row)
        if isinstance(record.event, SessionClosed):
            break
    return exits.DONE


def _about(state: State, records: list[Record]) -> str:
    opened = state.opened
    began = datetime.fromtimestamp(records[0].at / 1000).astimezone()
    ref = f", declared in {opened.ref}" if opened and opened.ref else ""
    return f"opened {began:%Y-%m-%d %H:%M:%S %Z}{ref}"


def _sum(totals: Totals) -> str:
    failures = f" ({totals.failures} of them failed)" if totals.failures else ""
    cached = f" ({totals.cached} cached)" if totals.cached else ""
    return (
        f"{_count(totals.runs, 'run')}, {_count(totals.asks, 'model call')} and "
        f"{_count(totals.calls, 'tool call')}{failures}, "
        f"{totals.input}{cached}+{totals.output} tokens, {show_usd(totals.cost)}"
    )


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
