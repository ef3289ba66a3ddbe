"""`remit analyst`: a question about data files, answered by programs that nobody has to trust."""

import argparse
import asyncio
import os
import sys
from collections.abc import Sequence
from dataclasses import replace

from remit.apps.analyst import KINDS, PACKAGES, Way, sources
from remit.cli.agents import load_model
from remit.cli.analyst.again import Setup, made, reference
from remit.cli.analyst.asking import Asking
from remit.cli.analyst.choosing import chosen
from remit.cli.analyst.demonstration import Demonstration
from remit.cli.analyst.showing import show
from remit.cli.options import MODEL, add_driving, add_store, driving
from remit.cli.places import home
from remit.cli.screen import Screen
from remit.core.errors import ConfigError
from remit.core.programs import Sandbox
from remit.home import MEMORY, Home, Settings
from remit.sandbox.choosing import standard

STDIN = "-"
_USAGE = 'remit analyst [options] FILE... "question"\n       remit analyst --show SESSION\n       remit analyst --demo'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.usage = _USAGE
    kinds = ", ".join(KINDS)
    parser.add_argument(
        "words", metavar="FILE", nargs="*", help=f"files ({kinds}), then the question; - reads it from standard input"
    )
    parser.add_argument(
        "--with",
        dest="way",
        choices=("pandas", "sql"),
        help="programs read the files with pandas, or ask DuckDB (default: pandas where a box for it can be had)",
    )
    # `out` is where all commands write.
    parser.add_argument(
        "--out", dest="folder", metavar="FOLDER", default="", help="where charts go (default: analyst-SESSION)"
    )
    parser.add_argument(
        "--budget", metavar="USD", type=float, default=0.50, help="for the question (default: %(default)s)"
    )
    parser.add_argument(
        "--show",
        metavar="SESSION",
        default="",
        help="the answer of an earlier session, and its files, such as of one that `remit resume` has finished",
    )
    parser.add_argument("--demo", action="store_true", help="sample files and a scripted model; no provider is asked")
    add_store(parser)
    add_driving(parser)


async def main(args: argparse.Namespace) -> int:
    """Answer the question, or show how that goes."""
    screen = Screen(out=args.out, json=args.json, quiet=args.quiet)
    if args.show:
        if args.words or args.demo:
            raise ConfigError("--show takes a session and nothing else; leave files, questions and --demo out")
        return await show(args.store, args.show, screen, args.folder)
    sandbox = standard(packages=PACKAGES)
    try:
        if args.demo:
            return await _demonstrated(args, screen, sandbox)
        return await _asked(args, screen, sandbox)
    finally:
        await sandbox.close()


async def _demonstrated(args: argparse.Namespace, screen: Screen, sandbox: Sandbox) -> int:
    if args.words:
        raise ConfigError("--demo brings its own files and questions; leave yours out")
    way, said = await chosen(args.way, sandbox)
    screen.hint(said)
    async with Home.open(MEMORY, Settings(sandbox=sandbox)) as opened:
        return await Demonstration(opened, screen, way, args.folder).play()


async def _asked(args: argparse.Namespace, screen: Screen, sandbox: Sandbox) -> int:
    files, question = _told_apart(args.words)
    if question == STDIN:
        question = await asyncio.to_thread(sys.stdin.read)
    if not question.strip():
        raise ConfigError("the question is empty; ask something, or - to read it from standard input")
    wish = driving(args)
    if not wish.model:
        raise ConfigError(f"name a model: --model openai:NAME, or {MODEL}; --demo shows one that is scripted")
    if args.budget < 0:
        raise ConfigError("--budget is not below 0")
    # What is wrong with a file or a model is said before a box is tried.
    known, model = tuple(source.path for source in sources(files)), load_model(wish.model)[1]
    way: Way
    way, said = await chosen(args.way, sandbox)
    screen.hint(said, "dim")
    setup = Setup(files=known, way=way, model=model, budget=args.budget)
    agent = replace(made(setup), ref=reference(setup))
    settings = Settings(sandbox=sandbox)
    if wish.durability is not None:
        settings = replace(settings, durability=wish.durability)
    async with home(args.store, settings) as opened:
        return await Asking(opened, args.store, screen, args.folder).ask(agent, question)


def _told_apart(words: Sequence[str]) -> tuple[Sequence[str], str]:
    """Tell the files from the question, which comes last."""
    if not words:
        raise ConfigError(f"give files and a question: {_USAGE.splitlines()[0]}")
    *files, question = words
    # A question may be longer than any path, which this heeds.
    if os.path.isfile(question):  # noqa: PTH113
        raise ConfigError(f"{question!r} is a file; the question comes last, in quotes")
    if not files:
        raise ConfigError(f"give a file before the question {question!r}: {', '.join(KINDS)}")
    return files, question
