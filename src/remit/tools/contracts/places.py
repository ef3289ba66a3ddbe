"""Places: how a place within a schema is written for a person."""

import re


def at(where: str, name: str) -> str:
    """Write the place of a member: `fields.priority`, or `fields['due date']`."""
    return f"{where}.{name}" if re.fullmatch(r"[\w$*/^-]+", name) else f"{where}[{name!r}]"
