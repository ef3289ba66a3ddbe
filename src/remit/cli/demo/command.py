"""`remit demo`: tells its story and checks its own claims; the exit status is 1 when one does not hold."""

import argparse
import os
import shlex
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from remit.cli import exits
from remit.cli.demo import scenes
from remit.cli.demo.stage import Stage, console
from remit.cli.desk.opening import Setup, opened, remember
from remit.cli.options import add_json
from remit.cli.screen import Screen
from remit.core.errors import ConfigError
from remit.core.values import JsonValue
from remit.home import Home

SCENES: tuple[tuple[str, Callable[[Stage], Awaitable[None]]], ...] = (
    ("A real mail is handled", scenes.one_mail),
    ("A process is killed between the ticket and its record", scenes.killed),
    ("A budget of $0.05 refuses a call before it is made", scenes.budget),
    ("A refund waits for a person", scenes.approval),
    ("A mail tries to give the agent orders", scenes.injection),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("--store", metavar="DIR", default="", help="a new folder to keep (default: a temporary one)")
    parser.add_argument("--fast", action="store_true", help="no breath between the scenes")
    add_json(parser)


async def main(args: argparse.Namespace) -> int:
    """Play all scenes, then say where to look."""
    began, store = time.monotonic(), _store(args.store)
    setup = Setup()
    remember(store, setup)
    told = console(json=args.json)
    async with Home.open(store) as home, opened(store, setup, os.environ) as desk:
        world = desk.world
        assert world.jira is not None
        assert world.mail is not None
        assert world.webhook is not None
        stage = Stage(store, home, desk, world.jira, world.mail, world.webhook, told)
        stage.breath = stage.breath if told.is_terminal and not args.fast else 0.0
        _introduce(stage)
        for number, (title, play) in enumerate(SCENES, 1):
            await stage.scene(number, title)
            await play(stage)
    return _finish(stage, Screen(out=args.out, json=args.json), time.monotonic() - began)


def _store(place: str) -> Path:
    if not place:
        return Path(tempfile.mkdtemp(prefix="remit-demo-"))
    store = Path(place)
    if store.exists() and (not store.is_dir() or any(store.iterdir())):
        raise ConfigError(f"{place!r} exists and is not empty; the demo wants a new folder")
    return store


def _introduce(stage: Stage) -> None:
    stage.say("Remit: a support desk on real mail.", "bold")
    stage.say(
        "Jira, the mail server and the webhook are real servers on this machine, started for the demo. The model is\n"
        "an offline one: rules and a small classifier. It stands where a language model would. Nothing leaves here."
    )


def _finish(stage: Stage, screen: Screen, seconds: float) -> int:
    broken = [claim for claim in stage.claims if not claim.holds]
    tail = f" --store {shlex.quote(str(stage.store))}"
    commands = [("remit sessions", "all sessions"), *stage.commands]
    commands.append(("remit desk", "the rest of the sample inbox, in the same store"))
    status = exits.FAILED if broken or not stage.claims else exits.DONE
    if screen.json:
        claims: list[JsonValue] = [
            {"claim": claim.text, "holds": claim.holds, "seen": claim.seen} for claim in stage.claims
        ]
        screen.result(
            {
                "ok": status == exits.DONE,
                "store": str(stage.store),
                "seconds": round(seconds, 2),
                "claims": claims,
                "next": [f"{command}{tail}" for command, _ in commands],
            }
        )
        return status
    stage.say("")
    stage.say("Where to look next", "bold cyan")
    for command, why in commands:
        stage.say(f"   {command}{tail}")
        stage.say(f"      {why}", "dim")
    stage.say("")
    sentence = f"{len(stage.claims) - len(broken)} of {len(stage.claims)} claims hold, {seconds:.1f} s"
    stage.say(sentence, "bold green" if not broken else "bold red")
    return status
