"""Engine: DuckDB in a process of its own, over copies of the files, with nothing else in reach.

A time limit and a memory limit inside DuckDB do not hold alone: a large `repeat` or a slow regular expression hears no
interrupt for as long as it likes. So a query that takes too long, or too much, ends with its process. Nor do its
settings hold alone against a fault of its own: where the machine can, the kernel keeps the process from files and
sockets.
"""

import asyncio
import contextlib
import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import msgspec

from remit.apps.analyst.copies import Copies
from remit.apps.analyst.sources import Source
from remit.core.errors import ConfigError
from remit.core.values import JsonObject, JsonValue

INSTALL = "pip install 'remit[analyst]'"

_BOOT = """
import sys, types
for name, path in zip(sys.argv[1::2], sys.argv[2::2]):
    module = types.ModuleType(name)
    module.__path__ = [path]
    sys.modules[name] = module
from remit.apps.analyst.inside.main import main
main()
"""
"""Packages without their `__init__`, of which the process would need nothing."""
_PACKAGES = ("remit", "remit.apps", "remit.apps.analyst", "remit.sandbox", "remit.sandbox.native")

_LARGEST_ANSWER = 8_000_000
_OPENING = 30.0
_SPARE = 1_500_000_000
"""Bytes of addresses that Python and DuckDB take beside the memory of a query."""


class QueryBounds(msgspec.Struct, frozen=True, kw_only=True):
    """What one query may take, and how much of its answer is given."""

    seconds: float = 20.0
    memory: int = 512_000_000
    """Bytes."""
    rows: int = 1000
    """Rows of an answer."""
    answer: int = 100_000
    """Bytes of an answer, as JSON."""
    reading: float = 600.0
    """Seconds for reading all files."""


class Refused(Exception):  # noqa: N818 - what DuckDB said, not what broke
    """An order was not carried out; the text says why."""


class Engine:
    """Describes files and answers queries about them. Use it as an async context manager."""

    def __init__(self, sources: Sequence[Source], bounds: QueryBounds | None = None) -> None:
        """Take the files; they are read when they are first asked for."""
        self._sources, self._bounds = tuple(sources), bounds or QueryBounds()
        self._child: asyncio.subprocess.Process | None = None
        self._copies: Copies | None = None
        self.confined: tuple[str, ...] = ()
        """What the kernel holds against the process that answers queries, once it has answered one."""
        self._tables: JsonValue = None
        self._turn = asyncio.Lock()

    async def __aenter__(self) -> Self:
        """Begin without a process."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the process and remove the copies."""
        async with self._turn:
            await self._end()
            await self._remove()
            self._tables = None

    async def profile(self) -> list[JsonObject]:
        """Say what is in the files; of large ones no more than their beginning is read.

        Raise `Refused` naming the file that cannot be read.
        """
        async with self._turn:
            try:
                answer = await self._ask(self._reading("profile"), self._bounds.reading)
            finally:
                await self._end()
        return _tables(answer)

    async def load(self) -> list[JsonObject]:
        """Copy all files and say what is in them, once; raise `Refused` naming the file that cannot be read."""
        async with self._turn:
            return _tables(await self._loaded())

    async def query(self, sql: str) -> JsonObject:
        """Answer a query: `columns`, `rows`, and whether they were `truncated`; raise `Refused` saying why not."""
        bounds = self._bounds
        async with self._turn:
            await self._loaded()
            if self._child is None:
                order: JsonObject = {"order": "open", "database": self._database(), "memory": bounds.memory}
                said = await self._ask({**order, "confine": bounds.memory + _SPARE}, _OPENING)
                self.confined = tuple(cast("list[str]", said["confined"]))
            order = {"order": "query", "sql": sql, "rows": bounds.rows, "bytes": bounds.answer}
            return await self._ask(order, bounds.seconds)

    # -- the process -----------------------------------------------------------------------------------------------

    async def _loaded(self) -> JsonObject:
        if self._tables is None:
            self._copies = await asyncio.to_thread(Copies)
            try:
                order = {**self._reading("load"), "database": self._database()}
                self._tables = await self._ask(order, self._bounds.reading)
            finally:
                await self._end()
                if self._tables is None:
                    await self._remove()
        return cast("JsonObject", self._tables)

    async def _remove(self) -> None:
        copies, self._copies = self._copies, None
        if copies is not None:
            await asyncio.to_thread(copies.remove)

    def _reading(self, order: str) -> JsonObject:
        files = cast("list[JsonValue]", msgspec.to_builtins(self._sources))
        memory = self._bounds.memory
        return {"order": order, "sources": files, "memory": memory, "confine": memory + _SPARE}

    def _database(self) -> str:
        assert self._copies is not None
        return str(self._copies.folder / "tables.db")

    async def _ask(self, order: JsonObject, seconds: float) -> JsonObject:
        child = self._child = self._child or await _started()
        assert child.stdin is not None
        assert child.stdout is not None
        line = b""
        answered = False
        try:
            async with asyncio.timeout(seconds):
                child.stdin.write(msgspec.json.encode(order) + b"\n")
                await child.stdin.drain()
                line = await child.stdout.readline()
            answered = line.endswith(b"\n")
        except TimeoutError:
            raise Refused(f"it took longer than {seconds:g} s and was ended; ask for less") from None
        except (OSError, ValueError):
            # Its pipe is closed, or its answer is longer than any that it should give.
            line = b""
        finally:
            if not answered:
                await self._end()
        if not answered:
            raise Refused("it ended DuckDB, most likely because it needed more memory than it may have; ask for less")
        answer = msgspec.json.decode(line, type=dict[str, Any])
        if "refused" in answer:
            raise Refused(str(answer["refused"]))
        return answer

    async def _end(self) -> None:
        child, self._child = self._child, None
        if child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            child.kill()
        await child.wait()
        # Its transport closes when its pipes are read to their ends.
        await child.communicate()


async def _started() -> asyncio.subprocess.Process:
    if importlib.util.find_spec("duckdb") is None:
        raise ConfigError(f"the analyst needs DuckDB: {INSTALL}")
    root = Path(__file__).parents[2]
    paths = [word for name in _PACKAGES for word in (name, str(root.joinpath(*name.split(".")[1:])))]
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-I",
        "-c",
        _BOOT,
        *paths,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={},
        cwd="/",
        start_new_session=True,
        limit=_LARGEST_ANSWER,
    )


def _tables(answer: JsonObject) -> list[JsonObject]:
    return msgspec.convert(answer["tables"], list[dict[str, JsonValue]])
