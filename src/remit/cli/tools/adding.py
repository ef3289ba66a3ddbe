"""`remit tools add`: add a source to the project's file. It is opened first, and what cannot be opened is not added."""

import argparse
import os
from pathlib import Path

from remit.cli import exits
from remit.cli.screen import Screen
from remit.core.errors import ConfigError
from remit.core.values import JsonObject, JsonValue
from remit.tools.registry import Project, Registry, added


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the act takes."""
    parser.add_argument("name", metavar="NAME", help="what to call the source")
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument("--openapi", metavar="FILE|URL", help="an OpenAPI document")
    kind.add_argument("--mcp-url", metavar="URL", help="an MCP server over HTTP")
    kind.add_argument("--python", metavar="FILE.py:NAME", help="tools in a module; also module:NAME")
    kind.add_argument("--entry-point", metavar="NAME", action="append", help="tools of an installed package")
    kind.add_argument(
        "--mcp", metavar="CMD", nargs=argparse.REMAINDER, help="the command of an MCP server; all words after it"
    )
    parser.add_argument("--only", metavar="TOOL", nargs="+", help="take only these, by the source's names")
    parser.add_argument("--owner", metavar="NAME", default="", help="who answers for its tools")
    parser.add_argument("--server", metavar="URL", default="", help="of --openapi: the base URL")
    parser.add_argument(
        "--header", metavar="NAME:VALUE", default="", help="signs requests, such as 'Authorization: Bearer ${TOKEN}'"
    )
    parser.add_argument("--stand-in", metavar="URL", default="", help="of a server that contract tests may change")


async def main(args: argparse.Namespace, project: Project) -> int:
    """Open the source, and write it down."""
    screen = Screen(out=args.out, json=args.json)
    edit = added(project.file, args.name, _declared(args, project.folder))
    # With the others open too, a tool of a name that is taken is seen before it breaks the project.
    async with Registry(edit.project) as registry:
        catalogue = await registry.catalogue()
    if args.name in catalogue.broken:
        raise ConfigError(f"source {args.name!r} was not added: {catalogue.broken[args.name]}")
    edit.write()
    names = [one.name for one in catalogue.found if one.source == args.name]
    left_out: JsonObject = dict(catalogue.left_out.get(args.name, {}))
    if screen.json:
        tools = list[JsonValue](names)
        screen.result({"source": args.name, "file": str(project.file), "tools": tools, "left_out": left_out})
        return exits.DONE
    for name in names:
        screen.say(name)
    for name, why in left_out.items():
        screen.hint(f"{name} is left out: {why}", "yellow")
    screen.hint(f"{len(names)} tools of {args.name} added to {project.file}; review them with `remit tools lock`")
    return exits.DONE


def _declared(args: argparse.Namespace, folder: Path) -> JsonObject:
    if args.mcp is not None and not args.mcp:
        raise ConfigError("--mcp is followed by the command of a server")
    kinds: JsonObject = {
        "openapi": args.openapi and _beside(args.openapi, folder),
        "mcp": args.mcp,
        "mcp_url": args.mcp_url,
        "python": args.python and _reference(args.python, folder),
        "entry_points": args.entry_point,
    }
    more: JsonObject = {
        "server": args.server,
        "stand_in": args.stand_in,
        "owner": args.owner,
        "only": args.only,
        "auth": _auth(args.header),
    }
    return {name: value for name, value in (kinds | more).items() if value}


def _auth(header: str) -> JsonObject:
    if not header:
        return {}
    name, colon, value = header.partition(":")
    if not colon:
        raise ConfigError("--header is NAME:VALUE, such as 'Authorization: Bearer ${TOKEN}'")
    return {"header": name.strip(), "value": value.strip()}


def _reference(ref: str, folder: Path) -> str:
    place, _, name = ref.rpartition(":")
    return f"{_beside(place, folder)}:{name}" if place.endswith(".py") else ref


def _beside(place: str, folder: Path) -> str:
    """Name a file as the project's file does: from its own folder, not from where the command was given."""
    if "://" in place:
        return place
    path = Path(place).expanduser().resolve()
    return Path(os.path.relpath(path, folder.resolve())).as_posix()
