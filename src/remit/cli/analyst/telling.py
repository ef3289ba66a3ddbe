"""Telling: what an analyst found, as a person reads it: the answer, its rows as a table, where the files are."""

from collections.abc import Sequence

from remit.apps.analyst import Finding, Written
from remit.cli.screen import Screen, visible
from remit.core.values import JsonObject, JsonValue
from remit.telemetry import json_text

_ROWS = 50
_COLUMNS = 20
_CELL = 60
_FILES = 20


def tell(screen: Screen, found: Finding, *, whole: bool = False) -> None:
    """Write an answer; of a long table its first rows, unless it is wanted `whole`."""
    # Made visible here too, since a pipe may end at a terminal; machines have --json.
    screen.say(visible(found.answer), "bold")
    if not found.table:
        return
    columns = _columns(found.table)
    shown = found.table if whole else found.table[:_ROWS]
    rows = [[_cell(row.get(column)) for column in columns] for row in shown]
    heads = [_line(column) for column in columns]
    screen.say()
    # Where no terminal draws one, the head is a line like the others.
    screen.table(heads, rows if screen.streams else [heads, *rows])
    if len(found.table) > len(shown):
        screen.hint(f"{len(found.table) - len(shown):,} more rows; --json gives all of them", "dim")


def tell_files(screen: Screen, written: Sequence[Written]) -> None:
    """Say where the files of the programs are."""
    for one in written[:_FILES]:
        screen.hint(f"wrote {one.path} ({one.size:,} bytes)")
    if len(written) > _FILES:
        screen.hint(f"and {len(written) - _FILES:,} more in {written[0].path.parent}")


def files_json(written: Sequence[Written]) -> list[JsonValue]:
    """Tell a machine where the files are."""
    files: list[JsonValue] = [
        {"name": one.name, "path": str(one.path), "bytes": one.size, "media": one.media} for one in written
    ]
    return files


def _columns(rows: Sequence[JsonObject]) -> list[str]:
    names: dict[str, None] = {}
    for row in rows:
        names.update(dict.fromkeys(row))
    return list(names)[:_COLUMNS]


def _cell(value: JsonValue) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return f"{value:.1f}"
    return _line(value if isinstance(value, str) else json_text(value))


def _line(text: str) -> str:
    flat = visible(" ".join(text.split()))
    return flat if len(flat) <= _CELL else f"{flat[: _CELL - 1]}…"
