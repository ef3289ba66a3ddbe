"""SQL: names and texts in it, and what DuckDB says about it, in few words."""

import re
from typing import Any

Row = dict[str, Any]


class Refusal(Exception):  # noqa: N818 - what the other side is told, not what broke
    """Said to whoever gave the order."""


_HINTS = re.compile(r"\n\s*(Possible (?:fixes|solutions?)|\* ?Reducing|Database is launched in)", re.IGNORECASE)
"""Where an error goes on with settings that nobody can change here."""


def plain_error(error: str) -> str:
    """Give the lines of an error that say what is wrong."""
    lines = [line.strip() for line in _HINTS.split(error)[0].splitlines()]
    return " | ".join(line for line in lines if line)[:600]


def name(words: str) -> str:
    """Quote a name."""
    return '"' + words.replace('"', '""') + '"'


def text(words: str) -> str:
    """Quote a text."""
    return "'" + words.replace("'", "''") + "'"
