"""Fronts: what `remit serve` offers beside the API: the console, and the protocols that were asked for."""

import argparse
import functools
import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol, cast
from urllib.parse import urlsplit

from remit.cli.stores import is_url
from remit.core.errors import ConfigError
from remit.home import MEMORY
from remit.home.remits import KEY, shared_key, signing_key

Front = Callable[..., object]

_PROTOCOLS = ("openai", "a2a", "agui", "mcp")
"""The packages of `remit.server` that are protocols, in the order in which they are listed."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what chooses them."""
    parser.add_argument("--no-console", action="store_true", help="leave the pages at / out")
    parser.add_argument(
        "--protocols",
        metavar="NAMES",
        default="",
        help=f"also speak these, separated by commas: {', '.join(_PROTOCOLS)}",
    )
    parser.add_argument("--url", metavar="URL", default="", help="how others reach this server, for A2A's cards")


def fronts(args: argparse.Namespace) -> Sequence[Front]:
    """Give what can be reached beside the API; raise `ConfigError` for a protocol that there is not."""
    found: list[Front] = []
    if not args.no_console:
        found.append(cast("_Console", importlib.import_module("remit.server.console")).console)
    for name in dict.fromkeys(one.strip().lower() for one in str(args.protocols).split(",") if one.strip()):
        if name not in _PROTOCOLS:
            raise ConfigError(f"--protocols knows no {name!r}; there are: {', '.join(_PROTOCOLS)}")
        front = cast("_Protocol", importlib.import_module(f"remit.server.{name}")).front
        if name == "a2a":
            front = functools.partial(front, url=_url(str(args.url)))
        if name == "mcp":
            front = functools.partial(_sealed, front, str(args.store))
        found.append(front)
    return found


def _sealed(front: Front, place: str, entrance: object) -> object:
    """Seal with the home's key, read once the home is open: what a client was asked outlives a restart.

    Those who share a database have the same key, so that any of them takes what another one asked.
    """
    if place == MEMORY:
        return front(entrance, keys=())
    return front(entrance, keys=[shared_key() if is_url(place) else signing_key(Path(place) / KEY)])


def _url(said: str) -> str:
    parts = urlsplit(said)
    if said and (parts.scheme not in {"http", "https"} or not parts.netloc):
        raise ConfigError(f"--url is an address such as https://agents.example.com, not {said!r}")
    return said.rstrip("/")


class _Console(Protocol):
    def console(self, entrance: object) -> object: ...


class _Protocol(Protocol):
    front: Front
