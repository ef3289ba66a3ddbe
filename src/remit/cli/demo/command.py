"""`remit demo`: tells its story and checks its own claims; the exit status is 1 when one does not hold."""

import argparse
import os
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from rich.console import Console

from remit.cli import exits
from remit.cli.demo import programs, scenes
from remit.cli.demo.stage import Claim, Stage, console
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
    ("Programs that a model wrote run in a box", programs.programs),
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
    screen = Screen(out=args.out, json=args.json)
    return finished(store, stage.claims, stage.commands, screen, told, time.monotonic() - began)


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


def finished(
    store: Path,
    claims: Sequence[Claim],
    commands: Sequence[tuple[str, str]],
    screen: Screen,
    told: Console,
    seconds: float,
) -> int:
    """Say where to look next and what was claimed; give the exit status, which is 1 when a claim does not hold."""
    broken = [claim for claim in claims if not claim.holds]
    tail = f" --store {shlex.quote(str(store))}"
    commands = [("remit sessions", "all sessions"), *commands]
    commands.append(("remit desk", "the rest of the sample inbox, in the same store"))
    status = exits.FAILED if broken or not claims else exits.DONE
    if screen.json:
        found: list[JsonValue] = [{"claim": one.text, "holds": one.holds, "seen": one.seen} for one in claims]
        following: list[JsonValue] = [f"{command}{tail}" for command, _ in commands]
        screen.result(
            {
                "ok": not status,
                "store": str(store),
                "seconds": round(seconds, 2),
                "claims": found,
                "next": following,
            }
        )
        return status
    told.print("\nWhere to look next", style="bold cyan")
    if shutil.which("remit") is None:
        told.print(f"   (`remit` is {sys.argv[0]} here; put its folder on the PATH)", style="dim")
    for command, why in commands:
        told.print(f"   {command}{tail}", soft_wrap=True)
        told.print(f"      {why}", style="dim")
    style = "bold red" if broken else "bold green"
    told.print(f"\n{len(claims) - len(broken)} of {len(claims)} claims hold, {seconds:.1f} s", style=style)
    return status
