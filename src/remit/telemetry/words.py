"""Words: how times, calls and values are written for a person, each on one line."""

import msgspec

from remit.core.messages import Call
from remit.core.values import JsonValue

_HEAD = 160
_ARGUMENT = 60


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
