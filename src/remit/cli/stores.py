"""Stores: what a command makes of the words that say where sessions live: a folder, or the URL of a database."""

import os
import shlex
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from remit.home import FOLDER

STORE = "REMIT_STORE"
"""Names the store to work in, without showing it to whoever lists processes."""


def usual() -> str:
    """Give the store of those who do not name one."""
    return os.environ.get(STORE, "") or FOLDER


def is_url(place: str) -> bool:
    """Say whether a store is a database; else it is a folder."""
    return "://" in place


def beside(place: str) -> Path:
    """Give the folder for what a command keeps beside a store: the store's own, or that of the working folder."""
    return Path(FOLDER if is_url(place) else place)


def named(place: str) -> str:
    """Give the words that name a store in a command that people paste: none for the usual one, and no password."""
    if place == usual():
        return ""
    if is_url(place):
        parts = urlsplit(place)
        user = f"{parts.username}@" if parts.username else ""
        place = urlunsplit(parts._replace(netloc=user + parts.netloc.rpartition("@")[2]))
    return f" --store {shlex.quote(place)}"
