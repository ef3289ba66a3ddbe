"""Following a file that another process writes: nothing is missed, whenever either of them began."""

import asyncio
from pathlib import Path

from remit.journal import SqliteJournal
from remit.testing.journals import said


async def test_what_another_process_writes_into_an_empty_store_is_followed(tmp_path: Path) -> None:
    ours, theirs = SqliteJournal(tmp_path / "j.db"), SqliteJournal(tmp_path / "j.db")

    async def follow(session: str, count: int) -> list[int]:
        seen: list[int] = []
        async for record in ours.follow(session):
            seen.append(record.seq)
            if len(seen) == count:
                break
        return seen

    following = [asyncio.create_task(follow(name, 3)) for name in ("a", "b", "a")]
    await asyncio.sleep(0)
    for place in range(3):
        for name in ("a", "b", "c"):
            await theirs.append(name, said(f"{name}{place}"), after=place)
    assert await asyncio.gather(*following) == [[1, 2, 3]] * 3
    await ours.close()
    await theirs.close()
