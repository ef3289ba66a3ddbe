"""Reading: files become tables of DuckDB, or it is said which line of them is wrong."""

import csv
import re
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import duckdb

from remit.apps.analyst.inside.confining import bounded, confined, connected
from remit.apps.analyst.inside.profiling import described
from remit.apps.analyst.inside.sql import Refusal, Row, name, plain_error, text

READERS = {"csv": "read_csv", "tsv": "read_csv", "jsonl": "read_json", "parquet": "read_parquet"}
_SAMPLE_BYTES = 64_000_000
"""Larger files are profiled by their beginning."""
_SAMPLE_ROWS = 20_000
_MOST_MENDED = 20
"""Columns whose type turns out to be text after all."""
_COPY, _GROWN = 1_000_000_000, 20
"""Bytes that a copy may have in any case, and beside them as many times those of its files."""
_LINES = 2_000_000
"""Lines of a file that are looked through for the one that does not fit."""


def profiled(order: Row, _: duckdb.DuckDBPyConnection | None) -> Row:
    """Say what is in files, reading no more than the beginning of large ones."""
    bounded(order["confine"], 0)
    confined([source["path"] for source in order["sources"]], [])
    tables: list[Row] = []
    for source in order["sources"]:
        connection = connected(order["memory"])
        large = source["size"] > _SAMPLE_BYTES
        how = _read(connection, source, "sample", _SAMPLE_ROWS if large else None)
        tables.append(described(connection, source, "sample", how, sampled=large))
        connection.close()
    return {"tables": tables}


def loaded(order: Row, _: duckdb.DuckDBPyConnection | None) -> Row:
    """Copy files into a database of ours, which is then opened for reading alone, and say what is in them."""
    # A small file can hold more than any disk, when it is packed.
    bounded(order["confine"], _COPY + _GROWN * sum(source["size"] for source in order["sources"]))
    confined([source["path"] for source in order["sources"]], [str(Path(order["database"]).parent)])
    connection = connected(order["memory"])
    connection.execute(f"ATTACH {text(order['database'])} AS data")
    connection.execute("USE data")
    tables: list[Row] = []
    for source in order["sources"]:
        how = _read(connection, source, source["table"], None)
        tables.append(described(connection, source, source["table"], how, sampled=False))
    connection.close()
    return {"tables": tables}


def _read(connection: duckdb.DuckDBPyConnection, source: Row, table: str, most: int | None) -> Row:
    """Make a table of a file; give how its dialect was understood. Raise `Refusal` saying what is wrong with it."""
    options: Row = {"types": {}}
    if source["kind"] in {"csv", "tsv"}:
        options = _dialect(connection, source, whole=most is None and source["size"] <= _SAMPLE_BYTES)
    for _ in range(_MOST_MENDED):
        reader = f"{READERS[source['kind']]}({text(source['path'])}{_arguments(source['kind'], options)})"
        limit = "" if most is None else f" LIMIT {most}"
        try:
            connection.execute(f"CREATE OR REPLACE TABLE {name(table)} AS SELECT * FROM {reader}{limit}")
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
    wanted = "Delimiter, Columns, HasHeader, SkipRows, DateFormat, TimestampFormat"
    sniffed = f"SELECT {wanted} FROM sniff_csv({text(source['path'])}{sample})"
    try:
        found = connection.execute(sniffed).fetchone()
    except duckdb.Error as error:
        raise Refusal(_uneven(source) or _broken(source, str(error))) from error
    assert found is not None
    delimiter, columns, options["header"], skipped = cast("tuple[str, Sequence[Row], bool, int]", found[:4])
    options |= {"dates": found[4] or "", "times": found[5] or ""}
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
        parts.append(f"delim={text(options['delimiter'])}")
    if options.get("forced"):
        # Nothing is guessed of the rest either, or it would be guessed so that the rows fit.
        parts.append("header=true, quote='\"', escape='\"', auto_detect=true")
    if options.get("whole"):
        parts.append("sample_size=-1")
    if options["types"]:
        types = ", ".join(f"{text(column)}: {text(kind)}" for column, kind in options["types"].items())
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
    # The query is ours, and says nothing to whoever has the file.
    return f"{source['file']} cannot be read: {plain_error(error.partition(f'{chr(10)}LINE ')[0])}"
