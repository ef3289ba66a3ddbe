"""Archiving: moves sessions that nobody touches any more to files. At no moment are they in neither place.

A file is written beside its place, settled on the disk, named, and read back. Only then its sessions go from the
database, in one transaction, which looks whether they are still what is in the file and writes down that the file holds
them. Whoever dies before that leaves a file that the database does not know: the next one finds and finishes it.
"""

import asyncio
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from remit.core.errors import ConfigError, CorruptJournalError
from remit.core.events import SCHEMA
from remit.journal.postgres.archive.choosing import Choice, Chosen, trees
from remit.journal.postgres.archive.copying import Copying
from remit.journal.postgres.archive.lines import FORMAT, Head
from remit.journal.postgres.archive.reading import Content, content_of
from remit.journal.postgres.archive.removing import Removal, remove
from remit.journal.postgres.archive.standing import alone, lines_to, now_of, store_of
from remit.journal.postgres.archive.steps import Heard, unheard
from remit.journal.postgres.archive.sweeping import GRACE, sweep
from remit.journal.postgres.archive.writing import SUFFIX, Writer, prepared, tidy
from remit.journal.postgres.lines import Lines, Patience
from remit.journal.postgres.schema import VERSION

_LOCK_WAIT = 2.0
"""Seconds for a lock, after which it is tried again: nobody else should wait behind us for longer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be archived, and where to."""

    folder: Path
    older: float
    """Seconds without a change."""
    root: str = ""
    """Only the tree of this session; all trees when empty."""
    sessions: int = 500
    """In a file, and so in a transaction; a tree is never parted."""
    size: int = 32 << 20
    """Bytes in a file before they are compressed, at which it is full."""
    grace: float = GRACE
    """See `sweeping.GRACE`."""


@dataclass(slots=True)
class Archived:
    """What came of it."""

    files: list[str]
    """Those that were written."""
    finished: list[str]
    """Those that somebody who died had written: their sessions went now."""
    damaged: list[str]
    """Those that nobody knows and that cannot be read; all that they may hold is in the database or in another file."""
    skipped: list[str]
    """Sessions that stay, with their trees, because they are damaged: what is wrong with each."""
    sessions: int = 0
    blobs: int = 0
    """Those that nobody names any more, and that went now."""
    longest: float = 0.0
    """Seconds that sessions which went were locked, at most; nobody else's were."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be archived."""

    trees: int
    sessions: int
    size: int
    """Bytes of their events."""


async def preview(url: str, older: float, root: str = "", *, patience: Patience | None = None) -> Preview:
    """Say what `archive` would take, and change nothing."""
    statement = "SELECT coalesce(sum(octet_length(body)), 0) FROM remit.batches WHERE session = ANY ($1::bigint[])"
    count = sessions = size = 0
    async with lines_to(url, patience) as lines:
        async for tree in trees(lines, await _choice(lines, older, root)):
            numbers = [one.number for one in tree]
            [[more]] = await lines.do(lambda line, numbers=numbers: line.fetch(statement, numbers))
            count, sessions, size = count + 1, sessions + len(tree), size + int(more)
    return Preview(count, sessions, size)


async def archive(url: str, plan: Plan, *, heard: Heard = unheard, patience: Patience | None = None) -> Archived:
    """Move sessions to files, and say what came of it; it may be ended at any moment and begun again.

    Raise `ConfigError` when the folder cannot be used, `JournalError` when there is no room or the database is away.
    """
    async with lines_to(url, patience) as lines, alone(lines):
        await asyncio.to_thread(prepared, plan.folder)
        # The whole path: the database tells it to people who work in other folders.
        plan = replace(plan, folder=await asyncio.to_thread(plan.folder.resolve))
        work = _Archiving(lines, plan, heard, await store_of(lines))
        await work.finish_others()
        await work.move()
        work.result.blobs = await sweep(lines, plan.grace)
        heard("swept", "")
        return work.result


async def _choice(lines: Lines, older: float, root: str) -> Choice:
    return Choice(await now_of(lines) - int(older * 1000), root)


class _SpoiltError(Exception):
    """A tree that cannot be copied is in the file."""

    def __init__(self, tree: list[Chosen]) -> None:
        super().__init__()
        self.tree = tree


class _Archiving:
    def __init__(self, lines: Lines, plan: Plan, heard: Heard, store: str) -> None:
        self.result = Archived([], [], [], [])
        self._lines, self._plan, self._heard, self._store = lines, plan, heard, store
        self._start = f"remit-{store[:8]}-"

    async def finish_others(self) -> None:
        """Take away what was half written, and remove from the database what is in files that it does not know."""
        await asyncio.to_thread(tidy, self._plan.folder, self._start)
        files = sorted(self._plan.folder.glob(f"{self._start}*{SUFFIX}"))
        names = [path.name.removesuffix(SUFFIX) for path in files]
        rows = await self._lines.do(
            lambda line: line.fetch("SELECT id FROM remit.archives WHERE id = ANY ($1::text[])", names)
        )
        known = {str(name) for (name,) in rows}
        for path, name in zip(files, names, strict=True):
            if name not in known:
                await self._finish(path)

    async def _finish(self, path: Path) -> None:
        try:
            content = await asyncio.to_thread(content_of, path)
        except (ConfigError, CorruptJournalError):
            self.result.damaged.append(str(path))
            return
        if content.head.store == self._store:
            await self._remove(path, content)
            self.result.finished.append(str(path))

    async def move(self) -> None:
        """Write files, and remove what is in them."""
        waiting: list[list[Chosen]] = []
        async for tree in trees(self._lines, await _choice(self._lines, self._plan.older, self._plan.root)):
            waiting.append(tree)
            if sum(map(len, waiting)) >= self._plan.sessions:
                waiting = await self._file(waiting)
        while waiting:
            waiting = await self._file(waiting)

    async def _file(self, chosen: list[list[Chosen]]) -> list[list[Chosen]]:
        """Write a file of these trees, remove them, and give those for which there was no room in it."""
        now = await now_of(self._lines)
        moment = datetime.fromtimestamp(now / 1000, UTC).strftime("%Y%m%dT%H%M%S")
        name = f"{self._start}{moment}-{secrets.token_hex(4)}"
        path = self._plan.folder / (name + SUFFIX)
        writer = Writer(path, Head(FORMAT, name, self._store, now, SCHEMA, VERSION))
        try:
            self._heard("begun", str(path))
            left = await self._fill(writer, chosen)
            end = await asyncio.to_thread(writer.settle)
            self._heard("settled", str(path))
            await asyncio.to_thread(writer.name)
            self._heard("named", str(path))
        except _SpoiltError as spoilt:
            writer.drop()
            return [tree for tree in chosen if tree is not spoilt.tree]
        except BaseException:
            writer.drop()
            raise
        content = await asyncio.to_thread(content_of, path)
        if content.head.id != name or content.end != end:
            raise CorruptJournalError(f"{str(path)!r} is not what was written to it; nothing was removed")
        self._heard("checked", str(path))
        await self._remove(path, content)
        self.result.files.append(str(path))
        return left

    async def _fill(self, writer: Writer, chosen: Sequence[list[Chosen]]) -> list[list[Chosen]]:
        copying = Copying(self._lines, writer, [one for tree in chosen for one in tree])
        for place, tree in enumerate(chosen):
            if place and writer.size > self._plan.size:
                return list(chosen[place:])
            try:
                for one in tree:
                    await copying.copy(one)
            except CorruptJournalError as error:
                self.result.skipped.append(str(error))
                raise _SpoiltError(tree) from None
        return []

    async def _remove(self, path: Path, content: Content) -> None:
        removal = Removal(str(path), content, _LOCK_WAIT)
        began = time.monotonic()
        self.result.sessions += await self._lines.do(lambda line: remove(line, removal, self._heard))
        self.result.longest = max(self.result.longest, time.monotonic() - began)
        self._heard("removed", str(path))
