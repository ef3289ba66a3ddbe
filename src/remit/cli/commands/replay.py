"""`remit replay`: drive the strategy over what is recorded, without touching the world; loud when it diverges."""

import argparse

from remit.cli import exits
from remit.cli.options import add_session, add_store
from remit.cli.places import home
from remit.cli.resuming import know
from remit.cli.screen import Screen
from remit.core.values import JsonValue


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    add_session(parser)
    parser.add_argument("--agent", metavar="FILE.py:NAME", default="", help="replay with this agent instead of its own")
    add_store(parser)


async def main(args: argparse.Namespace) -> int:
    """Replay every run and say where the strategy did not repeat it."""
    known = await know(args.store, args.session, args.agent)
    async with home(args.store, known.settings) as opened:
        runs = await opened.replay(known.agent.agent, known.session)
    broken = [run for run in runs if run.divergence]
    screen = Screen(out=args.out, json=args.json)
    if screen.json:
        found: list[JsonValue] = [{"run": run.run, "moves": run.moves, "divergence": run.divergence} for run in runs]
        screen.result({"session": known.session, "runs": found, "diverged": bool(broken)})
        return exits.DIVERGED if broken else exits.DONE
    for run in runs:
        moves = f"{run.moves} move{'' if run.moves == 1 else 's'}"
        if run.divergence:
            screen.say(f"run {run.run}: DIVERGED after {moves}: {run.divergence}", "bold red")
        else:
            screen.say(f"run {run.run}: {moves} repeated, to the same end", "green")
    if not runs:
        screen.say("no run to replay")
    return exits.DIVERGED if broken else exits.DONE
