"""The process in which DuckDB reads files and answers queries. Orders come in as lines of JSON, answers go out so.

It may be killed at any moment: a query that DuckDB cannot interrupt, or whose memory it does not count, ends with its
process.
"""

import ctypes
import json
import signal
import sys
from collections.abc import Callable, Mapping
from typing import cast

import duckdb

from remit.apps.analyst.inside.answering import opened, queried
from remit.apps.analyst.inside.reading import loaded, profiled
from remit.apps.analyst.inside.sql import Refusal, Row, plain_error


def main() -> None:
    """Answer orders until there are no more, or until whoever gives them is gone."""
    if sys.platform == "linux":
        # PR_SET_PDEATHSIG: a query would go on without anybody who waits for it.
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
    connection: duckdb.DuckDBPyConnection | None = None
    orders: Mapping[str, Callable[[Row, duckdb.DuckDBPyConnection | None], Row]] = {
        "profile": profiled,
        "load": loaded,
        "query": queried,
    }
    for line in sys.stdin.buffer:
        order = cast("Row", json.loads(line))
        try:
            if order["order"] == "open":
                connection, answer = opened(order)
            else:
                answer = orders[order["order"]](order, connection)
        except Refusal as error:
            answer = {"refused": str(error)}
        except MemoryError:
            answer = {"refused": "it needs more memory than it may have"}
        except (duckdb.Error, RecursionError, ValueError, OSError) as error:
            answer = {"refused": plain_error(str(error))}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
