"""The analyst's tools: what is in the files, and, for programs without files, queries about them. Both only read."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from remit.apps.analyst.describing import Way, described
from remit.apps.analyst.engine import Engine, QueryBounds, Refused
from remit.apps.analyst.sources import Source
from remit.core.errors import RejectedError
from remit.core.ports import Toolset
from remit.core.values import JsonObject
from remit.tools import FunctionToolset, Injected, tool

DESCRIBE = "describe_files"

_SPARE = 30.0
_LONGEST = 20_000

Sql = Annotated[str, Field(min_length=1, max_length=_LONGEST)]


def file_tools(files: Sequence[Source], way: Way, bounds: QueryBounds | None = None) -> Toolset:
    """Give the tools about some files; DuckDB is started when they are first asked for."""
    bounds = bounds or QueryBounds()

    @tool(name=DESCRIBE, effect="read", retries=0, timeout=bounds.reading + _SPARE, output=False)
    async def describe_files(engine: Injected[Engine]) -> JsonObject:
        """Say what is in the files: columns, types, counts, ranges, first rows."""
        try:
            tables = await (engine.load() if way == "sql" else engine.profile())
        except Refused as refused:
            raise RejectedError(str(refused)) from refused
        return described(tables, way)

    # The files are read first, when nobody has asked what is in them.
    patience = bounds.reading + bounds.seconds + _SPARE

    @tool(effect="read", retries=0, timeout=patience, output=_ANSWER)
    async def query(sql: Sql, engine: Injected[Engine]) -> JsonObject:
        """Ask the tables with one SELECT in DuckDB's SQL.

        Rows are lists of values in the order of `columns`; dates are text as in ISO 8601. When there are more rows than
        one answer holds, `truncated` is true: aggregate, or narrow the question.

        Args:
            sql: One SELECT. Write identifiers that are not plain words in double quotes.
            engine: Where the tables are.

        """
        try:
            return await engine.query(sql)
        except Refused as refused:
            raise RejectedError(str(refused), arguments=True) from refused

    tools = (describe_files, query) if way == "sql" else (describe_files,)
    return FunctionToolset("files", tools, {Engine: lambda: Engine(files, bounds)})


_ANSWER: JsonObject = {
    "type": "object",
    "properties": {
        "columns": {"type": "array", "items": {"type": "string"}},
        "rows": {"type": "array", "items": {"type": "array"}},
        "truncated": {"type": "boolean"},
    },
    "required": ["columns", "rows", "truncated"],
}
