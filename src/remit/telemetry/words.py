"""Words: how times, calls and values are written for a person, each on one line."""

import msgspec

from remit.core.messages import Call
from remit.core.values import JsonValue

_HEAD = 160
_ARGUMENT = 60
_FAR = 2000
"""Characters among which JSON that a message carries must begin."""


def offset(milliseconds: int) -> str:
    """Write a time after a beginning, such as `+1.2s`, `+3m05s`, `+2h14m` or `+3d04h`."""
    return f"+{duration(milliseconds)}".replace(" ", "")


def duration(milliseconds: int) -> str:
    """Write a duration as a person reads it, in at most two units."""
    seconds = max(milliseconds, 0) // 1000
    if seconds < 60:
        return f"{max(milliseconds, 0) / 1000:.1f} s" if milliseconds >= 100 else f"{max(milliseconds, 0)} ms"
    if seconds < 3600:
        return f"{seconds // 60}m {seconds % 60:02}s"
    if seconds < 86400:
        return f"{seconds // 3600}h {seconds % 3600 // 60:02}m"
    return f"{seconds // 86400}d {seconds % 86400 // 3600:02}h"


def head(text: str, room: int = _HEAD) -> str:
    """Give the beginning of a text on one line."""
    # Only what may be shown is looked at: a result can be megabytes.
    joined = " ".join(text[: room * 4].split())
    return joined if len(joined) <= room and len(text) <= room * 4 else f"{joined[: room - 1]}…"


def about(text: str, room: int = _HEAD) -> str:
    """Say what a message is about, on one line: the subject or title in the JSON it carries, else its beginning."""
    brace = text.find("{", 0, _FAR)
    if brace >= 0:
        try:
            # What somebody added stands after an empty line, as in the messages of the support desk.
            carried = msgspec.json.decode(text[brace:].partition("\n\n")[0])
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            carried = None
        named = _named(carried, levels=2)
        if named:
            return head(named, room)
    return head(text, room)


def _named(value: JsonValue, *, levels: int) -> str:
    if not isinstance(value, dict) or not levels:
        return ""
    for name in ("subject", "title"):
        said = value.get(name)
        if isinstance(said, str) and said.strip():
            return said
    return next((found for inner in value.values() if (found := _named(inner, levels=levels - 1))), "")


def call_text(call: Call) -> str:
    """Write a call as code: `refund(order="A1", usd=30)`."""
    if call.malformed:
        return f"{call.tool}(unreadable: {head(call.malformed, _ARGUMENT)})"
    return (
        f"{call.tool}({', '.join(f'{name}={head(_literal(value), _ARGUMENT)}' for name, value in call.args.items())})"
    )


def _literal(value: JsonValue) -> str:
    return msgspec.json.encode(value).decode()


def json_text(value: JsonValue) -> str:
    """Write a value for a person: a text as it is, anything else as JSON."""
    return value if isinstance(value, str) else _literal(value)
