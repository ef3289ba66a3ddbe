"""Answering: queries about the copies of files, in a process that reaches nothing else."""

import datetime
import decimal
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import duckdb

from remit.apps.analyst.inside.confining import bounded, confined, connected
from remit.apps.analyst.inside.sql import Refusal, Row, text

_EXACT = 1 << 53


def opened(order: Row) -> tuple[duckdb.DuckDBPyConnection, Row]:
    """Open the database for reading, in a process that can open nothing else any more, and say what confines it."""
    bounded(order["confine"], 0)
    held = confined([str(Path(order["database"]).parent)], [])
    connection = connected(order["memory"])
    connection.execute(f"ATTACH {text(order['database'])} AS data (READ_ONLY)")
    connection.execute("USE data")
    for setting in ("enable_external_access=false", "lock_configuration=true"):
        connection.execute(f"SET {setting}")
    return connection, {"confined": held}


def queried(order: Row, connection: duckdb.DuckDBPyConnection | None) -> Row:
    """Answer one SELECT: its columns and rows, and whether there were more; raise `Refusal` for anything else."""
    assert connection is not None
    statements = connection.extract_statements(order["sql"])
    if len(statements) != 1 or statements[0].type not in _SELECTS:
        raise Refusal(
            "give one SELECT (or WITH, FROM, VALUES, PIVOT, DESCRIBE, SUMMARIZE, EXPLAIN); files are read-only"
        )
    cursor = connection.execute(order["sql"])
    columns = [column[0] for column in cursor.description or ()]
    zoned = ["TIME ZONE" in str(column[1]) for column in cursor.description or ()]
    if any(zoned):
        # Their values would need another library to come to Python.
        cursor = connection.execute(_without_zones(order["sql"], zoned))
    rows: list[list[Any]] = []
    room = order["bytes"]
    truncated = False
    while batch := cursor.fetchmany(200):
        for row in batch:
            made = [_value(value) for value in row]
            room -= len(json.dumps(made))
            if room < 0 or len(rows) == order["rows"]:
                truncated = True
                break
            rows.append(made)
        if truncated:
            break
    return {"columns": columns, "rows": rows, "truncated": truncated}


def _without_zones(sql: str, zoned: Sequence[bool]) -> str:
    names = [f"c{number}" for number in range(len(zoned))]
    wanted = [f"CAST({name} AS VARCHAR)" if text else name for name, text in zip(names, zoned, strict=True)]
    return f"SELECT {', '.join(wanted)} FROM ({sql.strip().rstrip(';')}\n) AS answer({', '.join(names)})"


_SELECTS = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN, duckdb.StatementType.MULTI)


def _value(value: Any) -> Any:
    """Turn a value into JSON; numbers stay exact, or become text."""
    match value:
        case None | bool() | str():
            made = value
        case int():
            made = value if abs(value) < _EXACT else str(value)
        case float():
            made = value if math.isfinite(value) else str(value)
        case decimal.Decimal():
            near = float(value)
            made = near if decimal.Decimal(repr(near)) == value else str(value)
        case datetime.date() | datetime.time():
            made = value.isoformat()
        case list() | tuple():
            made = [_value(one) for one in cast("Sequence[Any]", value)]
        case dict():
            made = {str(key): _value(one) for key, one in cast("dict[Any, Any]", value).items()}
        case bytes():
            made = value.hex()
        case _:
            made = str(value)
    return made
