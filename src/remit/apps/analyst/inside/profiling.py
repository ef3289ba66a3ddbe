"""Profiling: what is in a table, in figures and first rows."""

from collections.abc import Sequence

import duckdb

from remit.apps.analyst.inside.sql import Row, name, text

_MOST_COLUMNS = 100
_FIRST_ROWS = 3


def described(connection: duckdb.DuckDBPyConnection, source: Row, table: str, options: Row, *, sampled: bool) -> Row:
    relation = connection.table(table)
    names, types = relation.columns, [str(kind) for kind in relation.types]
    shown = names[:_MOST_COLUMNS]
    found = _statistics(connection, table, shown)
    columns: list[Row] = [
        {
            "name": one,
            "type": kind,
            "nulls": nulls,
            "distinct": min(distinct, found["rows"] - nulls),
            "min": low,
            "max": high,
        }
        for one, kind, (nulls, distinct, low, high) in zip(shown, types, found["columns"], strict=False)
    ]
    first = connection.execute(f"SELECT {_texts(shown)} FROM {name(table)} LIMIT {_FIRST_ROWS}").fetchall()
    return {
        "file": source["file"],
        "table": source["table"],
        "kind": source["kind"],
        "size": source["size"],
        "rows": found["rows"],
        "rows_in_all": _in_all(connection, source, found["rows"]) if sampled else found["rows"],
        "sampled": sampled,
        "delimiter": options.get("delimiter", ""),
        "header": options.get("header", True),
        "dates": options.get("dates", ""),
        "times": options.get("times", ""),
        "columns": columns,
        "more_columns": [
            {"name": one, "type": kind}
            for one, kind in list(zip(names, types, strict=True))[_MOST_COLUMNS : 4 * _MOST_COLUMNS]
        ],
        "column_count": len(names),
        "first_rows": [list(row) for row in first],
    }


def _statistics(connection: duckdb.DuckDBPyConnection, table: str, names: Sequence[str]) -> Row:
    """Count rows, and by column empty and different values; give the least and the largest as text."""
    parts = ["count(*)"]
    for one in names:
        column = name(one)
        ends = ", ".join(f"left(CAST({end}({column}) AS VARCHAR), 200)" for end in ("min", "max"))
        parts += [f"count(*) - count({column})", f"approx_count_distinct({column})", ends]
    row = connection.execute(f"SELECT {', '.join(parts)} FROM {name(table)}").fetchone()
    assert row is not None
    values = row[1:]
    return {"rows": row[0], "columns": [values[at : at + 4] for at in range(0, len(values), 4)]}


def _in_all(connection: duckdb.DuckDBPyConnection, source: Row, sampled: int) -> int:
    """Count the rows of a large file by its metadata, or estimate them by its size and the bytes of its first rows."""
    path = text(source["path"])
    if source["kind"] == "parquet":
        row = connection.execute(f"SELECT sum(num_rows) FROM parquet_file_metadata({path})").fetchone()
        return int(row[0]) if row else sampled
    with open(source["path"], "rb") as file:  # noqa: PTH123 - quicker alone
        head = file.read(1 << 20)
    return int(source["size"] / max(1, len(head) / max(1, head.count(b"\n"))))


def _texts(names: Sequence[str]) -> str:
    return ", ".join(f"left(CAST({name(one)} AS VARCHAR), 200)" for one in names)
