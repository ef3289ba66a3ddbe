"""`remit new`: make a starter project that runs offline. Nothing that exists is overwritten."""

import argparse
import shlex
from importlib.resources import files
from pathlib import Path

from remit.cli import exits
from remit.cli.options import add_json
from remit.cli.screen import Screen
from remit.core.errors import ConfigError

FILES = ("agent.py", "test_agent.py", "README.md", ".gitignore")
FIRST = 'remit run agent.py:agent "What day was 1969-07-20?"'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument("name", help="the folder to make")
    add_json(parser)


async def main(args: argparse.Namespace) -> int:
    """Write the files and say what to do first."""
    folder = Path(args.name)
    made = make(folder)
    screen = Screen(out=args.out, json=args.json)
    if screen.json:
        screen.result({"folder": str(folder), "files": [*made], "next": [f"cd {shlex.quote(args.name)}", FIRST]})
        return exits.DONE
    for name in made:
        screen.say(f"made {folder / name}")
    screen.hint("now:")
    screen.hint(f"  cd {shlex.quote(args.name)}", "bold")
    screen.hint(f"  {FIRST}", "bold")
    return exits.DONE


def make(folder: Path) -> tuple[str, ...]:
    """Write a project into a folder that is new or empty; raise `ConfigError` where it is neither."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{str(folder)!r} exists and is not empty; nothing was changed. Choose another name")
    templates = files("remit.cli") / "starter"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            text = (templates / f"{name.removeprefix('.')}.txt").read_text(encoding="utf-8")
            with (folder / name).open("x", encoding="utf-8") as file:
                file.write(text.replace("{{name}}", folder.resolve().name))
    except OSError as error:
        raise ConfigError(f"{str(folder)!r} cannot be written: {error.strerror}") from None
    return FILES
