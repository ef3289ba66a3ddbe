"""The process in which DuckDB reads files and answers queries. Orders come in as lines of JSON, answers go out so.

It imports nothing of ours, so that it starts alone with an empty environment. It may be killed at any moment: a query
that DuckDB cannot interrupt, or whose memory it does not count, ends with its process.
"""

import csv
import ctypes
import datetime
import decimal
import json
import math
import re
import resource
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import duckdb

Row = dict[str, Any]

READERS = {"csv": "read_csv", "tsv": "read_csv", "jsonl": "read_json", "parquet": "read_parquet"}
_SAMPLE_BYTES = 64_000_000
"""Larger files are profiled by their beginning."""
_SAMPLE_ROWS = 20_000
_MOST_COLUMNS = 100
_MOST_MENDED = 20
"""Columns whose type turns out to be text after all."""
_FIRST_ROWS = 3
_COPY, _GROWN = 1_000_000_000, 20
"""Bytes that a copy may have in any case, and beside them as many times those of its files."""
_EXACT = 1 << 53
_LINES = 2_000_000
"""Lines of a file that are looked through for the one that does not fit."""
_OPTIONS = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "threads": "2",
}


class Refusal(Exception):  # noqa: N818 - what the other side is told, not what broke
    """Said to whoever gave the order."""


def main() -> None:
    """Answer orders until there are no more, or until whoever gives them is gone."""
    if sys.platform == "linux":
        # PR_SET_PDEATHSIG: a query would go on without anybody who waits for it.
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    connection: duckdb.DuckDBPyConnection | None = None
    orders: Mapping[str, Callable[[Row, duckdb.DuckDBPyConnection | None], Row]] = {
        "profile": _profiled,
        "load": _loaded,
        "query": _queried,
    }
    for line in sys.stdin.buffer:
        order = cast("Row", json.loads(line))
        try:
            if order["order"] == "open":
                connection, answer = _opened(order), cast("Row", {})
            else:
                answer = orders[order["order"]](order, connection)
        except Refusal as error:
            answer = {"refused": str(error)}
        except MemoryError:
            answer = {"refused": "it needs more memory than it may have"}
        except (duckdb.Error, RecursionError, ValueError, OSError) as error:
            answer = {"refused": _plain_error(str(error))}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


def _connected(memory: int) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(":memory:", config={**_OPTIONS, "memory_limit": f"{memory}B", "temp_directory": ""})
    connection.execute("SET TimeZone='UTC'")
    return connection


# -- reading files -----------------------------------------------------------------------------------------------------


def _profiled(order: Row, _: duckdb.DuckDBPyConnection | None) -> Row:
    """Say what is in files, reading no more than the beginning of large ones."""
    _confine(order["confine"], 0)
    tables: list[Row] = []
    for source in order["sources"]:
        connection = _connected(order["memory"])
        large = source["size"] > _SAMPLE_BYTES
        how = _read(connection, source, "sample", _SAMPLE_ROWS if large else None)
        tables.append(_described(connection, source, "sample", how, sampled=large))
        connection.close()
    return {"tables": tables}


def _loaded(order: Row, _: duckdb.DuckDBPyConnection | None) -> Row:
    """Copy files into a database of ours, which is then opened for reading alone, and say what is in them."""
    # A small file can hold more than any disk, when it is packed.
    _confine(order["confine"], _COPY + _GROWN * sum(source["size"] for source in order["sources"]))
    connection = _connected(order["memory"])
    connection.execute(f"ATTACH {_text(order['database'])} AS data")
    connection.execute("USE data")
    tables: list[Row] = []
    for source in order["sources"]:
        how = _read(connection, source, source["table"], None)
        tables.append(_described(connection, source, source["table"], how, sampled=False))
    connection.close()
    return {"tables": tables}


def _read(connection: duckdb.DuckDBPyConnection, source: Row, table: str, most: int | None) -> Row:
    """Make a table of a file; give how its dialect was understood. Raise `Refusal` saying what is wrong with it."""
    options: Row = {"types": {}}
    if source["kind"] in {"csv", "tsv"}:
        options = _dialect(connection, source, whole=most is None and source["size"] <= _SAMPLE_BYTES)
    for _ in range(_MOST_MENDED):
        reader = f"{READERS[source['kind']]}({_text(source['path'])}{_arguments(source['kind'], options)})"
        limit = "" if most is None else f" LIMIT {most}"
        try:
            connection.execute(f"CREATE OR REPLACE TABLE {_name(table)} AS SELECT * FROM {reader}{limit}")
            return options
        except duckdb.ConversionException as error:
            # What looked like numbers at the beginning of the file is none further down.
            found = re.search(r'Error when converting column "(.*?)"\. Could not', str(error))
            if found is None or found[1] in options["types"]:
                raise Refusal(_broken(source, str(error))) from error
            options["types"][found[1]] = "VARCHAR"
        except duckdb.Error as error:
            raise Refusal(_broken(source, str(error))) from error
    raise Refusal(f"{source['file']}: more than {_MOST_MENDED} columns have values of several types")


def _dialect(connection: duckdb.DuckDBPyConnection, source: Row, *, whole: bool) -> Row:
    """Find out how values are separated; raise `Refusal` naming the line that has more or fewer than the others."""
    options: Row = {"types": {}, "whole": whole}
    sample = (", sample_size=-1" if whole else "") + (", delim='\t'" if source["kind"] == "tsv" else "")
    sniffed = f"SELECT Delimiter, Columns, HasHeader, SkipRows FROM sniff_csv({_text(source['path'])}{sample})"
    try:
        found = connection.execute(sniffed).fetchone()
    except duckdb.Error as error:
        raise Refusal(_uneven(source) or _broken(source, str(error))) from error
    assert found is not None
    delimiter, columns, options["header"], skipped = cast("tuple[str, Sequence[Row], bool, int]", found)
    if skipped:
        # Rows that do not fit the others would be left out without a word.
        uneven = _uneven(source)
        raise Refusal(uneven or f"{source['file']}: the first {skipped} lines are no part of the table; take them out")
    if source["kind"] == "tsv":
        delimiter = "\t"
    elif len(columns) == 1 and any(mark in str(columns[0]["name"]) for mark in _MARKS):
        # Rows of unequal length are taken for one column of text.
        uneven = _uneven(source)
        if uneven:
            raise Refusal(uneven)
        delimiter = options["forced"] = _mark(str(columns[0]["name"]))
    return options | {"delimiter": delimiter}


_MARKS = ",;\t|"


def _mark(head: str) -> str:
    return max(_MARKS, key=head.count)


def _uneven(source: Row) -> str:
    """Name the first line that has another number of values than the head; empty when there is none."""
    try:
        with open(source["path"], encoding="utf-8-sig", newline="") as file:  # noqa: PTH123 - quicker alone
            mark = "\t" if source["kind"] == "tsv" else _mark(file.readline())
            file.seek(0)
            reader = csv.reader(file, delimiter=mark)
            expected = len(next(reader))
            for row in reader:
                if row and len(row) != expected:
                    return _row_of(source, reader.line_num, len(row), expected)
                if reader.line_num > _LINES:
                    break
    except (UnicodeDecodeError, csv.Error, StopIteration):
        # What is wrong is something else, and DuckDB has said it.
        return ""
    return ""


def _row_of(source: Row, line: object, found: object, expected: object) -> str:
    return f"{source['file']}: line {line} has {found} values instead of {expected}; mend the file"


def _arguments(kind: str, options: Row) -> str:
    parts: list[str] = []
    if kind == "jsonl":
        parts.append("format='newline_delimited'")
    if kind == "tsv" or options.get("forced"):
        parts.append(f"delim={_text(options['delimiter'])}")
    if options.get("forced"):
        # Nothing is guessed of the rest either, or it would be guessed so that the rows fit.
        parts.append("header=true, quote='\"', escape='\"', auto_detect=true")
    if options.get("whole"):
        parts.append("sample_size=-1")
    if options["types"]:
        types = ", ".join(f"{_text(column)}: {_text(kind)}" for column, kind in options["types"].items())
        parts.append(f"types={{{types}}}")
    return "".join(f", {part}" for part in parts)


def _broken(source: Row, error: str) -> str:
    """Say in a line what is wrong with a file."""
    line = re.search(r"CSV Error on Line: (\d+)", error)
    expected = re.search(r"Expected Number of Columns: (\d+) Found: (\d+)", error)
    if line and expected:
        return _row_of(source, line[1], expected[2], expected[1])
    if "not utf-8" in error.lower() or "invalid unicode" in error.lower():
        where = f" (line {line[1]})" if line else ""
        return f"{source['file']} is not UTF-8{where}; save it as UTF-8"
    if "automatically detect the CSV parsing dialect" in error:
        return f"{source['file']} cannot be read as a table: its rows have no form in common"
    return f"{source['file']} cannot be read: {_plain_error(error)}"


_HINTS = re.compile(r"\n\s*(Possible (?:fixes|solutions?)|\* ?Reducing|Database is launched in)", re.IGNORECASE)
"""Where an error goes on with settings that nobody can change here."""


def _plain_error(error: str) -> str:
    """Give the lines of an error that say what is wrong."""
    lines = [line.strip() for line in _HINTS.split(error)[0].splitlines()]
    return " | ".join(line for line in lines if line)[:600]


# -- describing --------------------------------------------------------------------------------------------------------


def _described(connection: duckdb.DuckDBPyConnection, source: Row, table: str, options: Row, *, sampled: bool) -> Row:
    relation = connection.table(table)
    names, types = relation.columns, [str(kind) for kind in relation.types]
    shown = names[:_MOST_COLUMNS]
    found = _statistics(connection, table, shown)
    columns: list[Row] = [
        {
            "name": name,
            "type": kind,
            "nulls": nulls,
            "distinct": min(distinct, found["rows"] - nulls),
            "min": low,
            "max": high,
        }
        for name, kind, (nulls, distinct, low, high) in zip(shown, types, found["columns"], strict=False)
    ]
    first = connection.execute(f"SELECT {_texts(shown)} FROM {_name(table)} LIMIT {_FIRST_ROWS}").fetchall()
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
        "columns": columns,
        "more_columns": [
            {"name": name, "type": kind}
            for name, kind in list(zip(names, types, strict=True))[_MOST_COLUMNS : 4 * _MOST_COLUMNS]
        ],
        "column_count": len(names),
        "first_rows": [list(row) for row in first],
    }


def _statistics(connection: duckdb.DuckDBPyConnection, table: str, names: Sequence[str]) -> Row:
    """Count rows, and by column empty and different values; give the least and the largest as text."""
    parts = ["count(*)"]
    for name in names:
        column = _name(name)
        ends = ", ".join(f"left(CAST({end}({column}) AS VARCHAR), 200)" for end in ("min", "max"))
        parts += [f"count(*) - count({column})", f"approx_count_distinct({column})", ends]
    row = connection.execute(f"SELECT {', '.join(parts)} FROM {_name(table)}").fetchone()
    assert row is not None
    values = row[1:]
    return {"rows": row[0], "columns": [values[at : at + 4] for at in range(0, len(values), 4)]}


def _in_all(connection: duckdb.DuckDBPyConnection, source: Row, sampled: int) -> int:
    """Count the rows of a large file by its metadata, or estimate them by its size and the bytes of its first rows."""
    path = _text(source["path"])
    if source["kind"] == "parquet":
        row = connection.execute(f"SELECT sum(num_rows) FROM parquet_file_metadata({path})").fetchone()
        return int(row[0]) if row else sampled
    with open(source["path"], "rb") as file:  # noqa: PTH123 - quicker alone
        head = file.read(1 << 20)
    return int(source["size"] / max(1, len(head) / max(1, head.count(b"\n"))))


def _texts(names: Sequence[str]) -> str:
    return ", ".join(f"left(CAST({_name(name)} AS VARCHAR), 200)" for name in names)


# -- answering ---------------------------------------------------------------------------------------------------------


def _opened(order: Row) -> duckdb.DuckDBPyConnection:
    """Open the database for reading, then give up for good whatever a query could reach beyond it."""
    connection = _connected(order["memory"])
    connection.execute(f"ATTACH {_text(order['database'])} AS data (READ_ONLY)")
    connection.execute("USE data")
    for setting in ("enable_external_access=false", "lock_configuration=true"):
        connection.execute(f"SET {setting}")
    # What Python imports when it is first needed, and what DuckDB does on its first query, is done before the door
    # of the file system closes.
    connection.execute("SELECT 1.5::DECIMAL(9,1), uuid(), now()::VARCHAR, DATE '2026-01-01', [1]").fetchall()
    _confine(order["confine"], 0)
    return connection


def _confine(address_space: int, written: int) -> None:
    """Write no file larger than this, and take no more memory: DuckDB does not count all that it takes."""
    for kind, most in (
        (resource.RLIMIT_FSIZE, written),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_AS, address_space),
    ):
        resource.setrlimit(kind, (most, most))


def _queried(order: Row, connection: duckdb.DuckDBPyConnection | None) -> Row:
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


def _name(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


if __name__ == "__main__":
    main()
