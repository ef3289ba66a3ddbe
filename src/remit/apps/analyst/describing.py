"""Describing: what a model is told of files before it writes a program. All of it is bounded and none of it trusted."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from remit.apps.analyst.personal import masked, personal
from remit.core.values import JsonObject, JsonValue

Way = Literal["pandas", "sql"]

_ENOUGH = 20_000
"""Characters of a profile; beyond it columns lose their figures, then files their rows."""
_NAME = 80
_MORE = 100
"""Columns that are only named."""
_HIDDEN = "<hidden>"
_ARGUMENTS = 10
"""Columns for which a call of pandas says how they are read."""


class _Column(msgspec.Struct, frozen=True):
    name: str
    type: str
    nulls: int = 0
    distinct: int = 0
    min: str | None = None
    max: str | None = None


class _Table(msgspec.Struct, frozen=True, kw_only=True):
    file: str
    table: str
    kind: str
    size: int
    rows: int
    rows_in_all: int
    sampled: bool
    delimiter: str
    header: bool
    dates: str
    """How dates are written, as for `strptime`; empty when as in ISO 8601."""
    times: str
    columns: list[_Column]
    more_columns: list[_Column]
    column_count: int
    first_rows: list[list[str | None]]


def described(tables: Sequence[JsonObject], way: Way) -> JsonObject:
    """Write the profiles of files for a model: columns, types, counts, ranges and first rows, without personal data."""
    known = [msgspec.convert(table, _Table) for table in tables]
    for shorten in (_whole, _fewer, _bare):
        files: list[JsonValue] = [shorten(_file(table, way), table) for table in known]
        profile: JsonObject = {"files": files}
        if len(msgspec.json.encode(profile)) <= _ENOUGH:
            break
    return profile


def _whole(file: JsonObject, table: _Table) -> JsonObject:
    return file


def _fewer(file: JsonObject, table: _Table) -> JsonObject:
    """Leave out the rows, and of all columns but the first few the figures."""
    few: JsonObject = {"columns": [_column(column) for column in table.columns[:10]], "first_rows": []}
    names: list[JsonValue] = [_named(column) for column in (*table.columns[10:], *table.more_columns)[:_MORE]]
    return {**file, **few, "more_columns": names}


def _bare(file: JsonObject, table: _Table) -> JsonObject:
    names = [_cut(column.name, _NAME // 2) for column in table.columns[:20]]
    kept = {key: value for key, value in file.items() if key not in {"columns", "more_columns", "first_rows"}}
    return {**kept, "column_names": [*names]}


def _file(table: _Table, way: Way) -> JsonObject:
    place: JsonObject = (
        {"table": table.table} if way == "sql" else {"path": f"/data/{table.file}", "read": _read(table)}
    )
    hidden = {column.name for column in table.columns if personal(column.name, column.type)}
    rows: list[JsonValue] = [
        [_cell(column, value, hidden) for column, value in zip(table.columns, row, strict=True)]
        for row in table.first_rows
    ]
    more: list[JsonValue] = [_named(column) for column in table.more_columns[:_MORE]]
    return {
        **place,
        "kind": table.kind,
        "bytes": table.size,
        "rows": table.rows_in_all,
        **(_sampled(table) if table.sampled else {}),
        **({"dates_read_as": table.dates} if table.dates and not table.dates.startswith("%Y") else {}),
        "column_count": table.column_count,
        "columns": [_column(column) for column in table.columns],
        **({"more_columns": more} if more else {}),
        "first_rows": rows,
    }


def _sampled(table: _Table) -> JsonObject:
    about = "counted" if table.kind == "parquet" else "an estimate"
    return {"note": f"rows is {about}; all other figures are of the first {table.rows:,} rows"}


def _column(column: _Column) -> JsonObject:
    hidden = {column.name} if personal(column.name, column.type) else set[str]()
    ends: JsonObject = {"min": _cell(column, column.min, hidden), "max": _cell(column, column.max, hidden)}
    return {**_named(column), "nulls": column.nulls, "distinct_about": column.distinct, **ends}


def _named(column: _Column) -> JsonObject:
    return {"name": _cut(column.name, _NAME), "type": _cut(column.type, _NAME)}


def _cell(column: _Column, value: str | None, hidden: set[str]) -> JsonValue:
    if value is None:
        return None
    return _HIDDEN if column.name in hidden else masked(value)


def _read(table: _Table) -> str:
    """Give the call of pandas that reads a file as it was read here."""
    path = f'"/data/{table.file}"'
    match table.kind:
        case "parquet":
            return f"pd.read_parquet({path})"
        case "jsonl":
            return f"pd.read_json({path}, lines=True)"
        case _:
            separated = "" if table.delimiter == "," else f", sep={table.delimiter!r}"
            named = "" if table.header else f", header=None, names={[column.name for column in table.columns]!r}"
            return f"pd.read_csv({path}{separated}{named}{_dated(table)}{_texts(table)})"


def _dated(table: _Table) -> str:
    """Have dates read as they are written: what is guessed of `01.02.2026` is another day."""
    dates = [column for column in table.columns if column.type.startswith(("DATE", "TIMESTAMP"))]
    if not dates or len(dates) > _ARGUMENTS:
        return ""
    forms = {column.name: table.dates if column.type == "DATE" else table.times for column in dates}
    odd = {name: form for name, form in forms.items() if form and not form.startswith("%Y-%m-%d")}
    return f", parse_dates={list(forms)!r}" + (f", date_format={odd!r}" if odd else "")


def _texts(table: _Table) -> str:
    """Have what looks like a number and is none, such as `01234`, read as the text that it is."""
    texts = {column.name: "str" for column in table.columns if column.type == "VARCHAR" and _number(column)}
    return f", dtype={texts!r}" if texts and len(texts) <= _ARGUMENTS else ""


def _number(column: _Column) -> bool:
    return column.min is not None and column.max is not None and column.min.isdigit() and column.max.isdigit()


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
