"""Sessions that are over go to files, whole trees at a time, and nothing that anybody still needs goes with them."""

import asyncio
from pathlib import Path

import pytest
from tests.journal.postgres.archive.stock import (
    NOW,
    batches,
    blobs,
    closed,
    digest,
    dump,
    ended,
    kept,
    names,
    opened,
    over,
    plan,
)
from tests.journal.postgres.asking import Opened, ask

from remit.core.errors import ConfigError, ConflictError, JournalBusyError, JournalError
from remit.core.events import LimitRaised, MessageReceived, RunEnded, RunOpened, RunSuspended
from remit.core.ports import SessionQuery
from remit.journal.postgres import PostgresJournal
from remit.journal.postgres.archive import Step, archive, preview, restore
from remit.journal.postgres.archive.standing import lines_to
from remit.journal.postgres.archived import ArchivedError, refuse_archived

DAY = 86_400.0
AGE = "UPDATE remit.{} SET {} = {} - 40 * 86400000::bigint {}"


def age(url: str, *sessions: str) -> None:
    """Have sessions unchanged for forty days."""
    listed = ", ".join(f"'{name}'" for name in sessions)
    ask(
        url,
        AGE.format(
            "batches", "at", "at", f"WHERE session IN (SELECT number FROM remit.sessions WHERE id IN ({listed}))"
        ),
        AGE.format("sessions", "changed", "changed", f"WHERE id IN ({listed})"),
    )


async def test_a_session_goes_to_a_file_and_comes_back_as_it_was(
    journal: PostgresJournal, url: str, tmp_path: Path
) -> None:
    blob = await journal.put(b"picture")
    await ended(journal, "s", blob=blob)
    before, records = dump(url), await journal.read("s")
    made = await archive(url, plan(tmp_path / "to"))
    assert (made.sessions, len(made.files)) == (1, 1)
    assert names(url) == []
    assert batches(url) == 0
    assert await journal.sessions(SessionQuery()) == []
    back = await restore(url, Path(made.files[0]))
    assert (back.restored, back.there, back.refused) == (["s"], [], {})
    assert dump(url) == before
    assert await journal.read("s") == records
    assert await journal.get(blob) == b"picture"
    assert await journal.append("s", [MessageReceived("more")], after=4) == 5


async def test_what_is_over_goes_and_nothing_else(journal: PostgresJournal, url: str, tmp_path: Path) -> None:
    started = [opened(), MessageReceived("x"), RunOpened(1, "react@1", "w", 5)]
    await journal.append("opened", [opened()], after=0)
    await journal.append("unread", [opened(), MessageReceived("x")], after=0)
    await journal.append("running", started, after=0)
    await journal.append("waiting", [*started, RunSuspended("approval", 5)], after=0)
    await journal.append("answered", [*over(), MessageReceived("again")], after=0)
    for status in ("done", "failed", "refused", "stopped", "cancelled", "diverged"):
        await journal.append(status, [*started, RunEnded(1, status)], after=0)
    await closed(journal, "closed")
    await archive(url, plan(tmp_path))
    assert names(url) == ["answered", "diverged", "opened", "running", "unread", "waiting"]


async def test_a_tree_goes_whole_or_not_at_all(journal: PostgresJournal, url: str, tmp_path: Path) -> None:
    started = [RunOpened(1, "react@1", "w", 5)]
    for root in ("whole", "above", "below"):
        await ended(journal, root)
        await ended(journal, f"{root}-child", parent=root)
        await ended(journal, f"{root}-grandchild", parent=f"{root}-child")
    await journal.append("above", started, after=4)
    await journal.append("below-grandchild", started, after=4)
    await ended(journal, "orphan", parent="nobody")
    await archive(url, plan(tmp_path))
    stay = [name for root in ("above", "below") for name in (root, f"{root}-child", f"{root}-grandchild")]
    assert names(url) == sorted(stay)


async def test_only_what_nobody_has_touched_for_so_long_goes(
    journal: PostgresJournal, url: str, tmp_path: Path
) -> None:
    for name in ("old", "late", "young", "tree", "tree-child"):
        await ended(journal, name, parent="tree" if name == "tree-child" else "")
    age(url, "old", "late", "tree")
    # An event that is not in the line of the session is a change all the same.
    await journal.append("late", [LimitRaised("usd", 2.0, "ann")], after=4)
    ask(url, "UPDATE remit.sessions SET stirred = false")
    assert (await preview(url, 30 * DAY)).sessions == 1
    made = await archive(url, plan(tmp_path, 30 * DAY))
    assert made.sessions == 1
    assert names(url) == ["late", "tree", "tree-child", "young"]


async def test_what_came_back_does_not_go_again_at_once(journal: PostgresJournal, url: str, tmp_path: Path) -> None:
    await ended(journal, "s")
    age(url, "s")
    made = await archive(url, plan(tmp_path, 30 * DAY))
    await restore(url, Path(made.files[0]))
    assert (await archive(url, plan(tmp_path, 30 * DAY))).sessions == 0
    ask(url, "UPDATE remit.restored SET at = at - interval '40 days'")
    again = await archive(url, plan(tmp_path, 30 * DAY))
    assert again.sessions == 1
    # The older file holds the session as it was then: only the newer one gives it back.
    refused = (await restore(url, Path(made.files[0]))).refused
    assert again.files[0] in refused["s"]
    assert (await restore(url, Path(again.files[0]))).restored == ["s"]


CHANGES = {
    "head": "UPDATE remit.sessions SET head = head + 1 WHERE id = 'child'",
    "epoch": "UPDATE remit.sessions SET epoch = epoch + 1 WHERE id = 'child'",
    "owner": "UPDATE remit.sessions SET owner = 'w' WHERE id = 'child'",
    "stirred": "UPDATE remit.sessions SET stirred = true WHERE id = 'child'",
    "another child": """
        INSERT INTO remit.sessions
            (id, agent, version, tenant, parent, status, why, opened, changed, head, epoch, owner)
        VALUES ('late', 'a', '1', 't', 'child', 'idle', '', 1, 1, 1, 0, '')""",
    "gone": "DELETE FROM remit.sessions WHERE id = 'child'",
}


@pytest.mark.parametrize("change", CHANGES)
async def test_a_tree_that_changes_after_it_was_written_stays(
    change: str, journal: PostgresJournal, url: str, tmp_path: Path
) -> None:
    await ended(journal, "root")
    await ended(journal, "child", parent="root")
    await ended(journal, "other")

    def heard(step: Step, _: str) -> None:
        if step == "checked":
            ask(url, CHANGES[change])

    assert (await archive(url, plan(tmp_path), heard=heard)).sessions == 1
    there = names(url)
    assert "root" in there
    assert ("child" in there) == (change != "gone")
    assert "other" not in there


async def test_batches_that_are_not_those_of_the_file_stay(journal: PostgresJournal, url: str, tmp_path: Path) -> None:
    await ended(journal, "s")

    def heard(step: Step, _: str) -> None:
        if step == "checked":
            ask(url, "UPDATE remit.batches SET body = body || 'x'::bytea WHERE seq = 4")

    with pytest.raises(JournalError, match="not what the database holds; nothing was removed"):
        await archive(url, plan(tmp_path), heard=heard)
    assert batches(url) == 3


async def test_a_damaged_session_stays_and_keeps_nobody_else(
    journal: PostgresJournal, url: str, tmp_path: Path
) -> None:
    for name in ("a", "b", "c"):
        await ended(journal, name)
    ask(
        url,
        "UPDATE remit.batches SET body = set_byte(body, 9, 0) WHERE seq = 3 AND session = "
        "(SELECT number FROM remit.sessions WHERE id = 'b')",
    )
    made = await archive(url, plan(tmp_path))
    assert made.sessions == 2
    assert "session 'b' is damaged at event 3" in made.skipped[0]
    assert names(url) == ["b"]


async def test_nobody_opens_another_session_under_the_name_of_one_that_was_archived(
    journal: PostgresJournal, url: str, tmp_path: Path
) -> None:
    await ended(journal, "s")
    made = await archive(url, plan(tmp_path))
    others = [journal.append(f"new{number}", [opened()], after=0) for number in range(3)]
    refused, *tails = await asyncio.gather(journal.append("s", [opened()], after=0), *others, return_exceptions=True)
    assert tails == [1, 1, 1], "those who came in the same transaction go on"
    assert isinstance(refused, ArchivedError)
    assert "session 's' was archived on 20" in str(refused)
    assert f"in {made.files[0]}; `remit db restore` brings it back" in str(refused)
    with pytest.raises(ConflictError):
        await journal.append("s", [MessageReceived("x")], after=4)
    assert names(url) == ["new0", "new1", "new2"]


async def test_whoever_asks_for_an_archived_session_is_told_where_it_is(
    journal: PostgresJournal, url: str, tmp_path: Path
) -> None:
    await ended(journal, "s")
    made = await archive(url, plan(tmp_path))
    async with lines_to(url) as lines:
        with pytest.raises(ArchivedError, match=r"session 's' was archived on 20\d\d-\d\d-\d\d, in "):
            await lines.do(lambda line: refuse_archived(line, "s"))
        await lines.do(lambda line: refuse_archived(line, "t"))
        await restore(url, Path(made.files[0]))
        await lines.do(lambda line: refuse_archived(line, "s"))


async def test_files_are_of_a_bounded_size_and_hold_each_session_once(
    journal: PostgresJournal, url: str, tmp_path: Path
) -> None:
    for number in range(7):
        await ended(journal, f"s{number}")
    before = dump(url)
    made = await archive(url, plan(tmp_path, sessions=3))
    assert (len(made.files), made.sessions) == (3, 7)
    restored = [name for file in made.files for name in (await restore(url, Path(file))).restored]
    assert sorted(restored) == [f"s{number}" for number in range(7)]
    assert dump(url) == before
    made = await archive(url, plan(tmp_path, NOW - 60, size=1))
    assert len(made.files) == 7, "a file that is full takes no further tree"


async def test_a_long_session_is_copied_in_pieces(journal: PostgresJournal, url: str, tmp_path: Path) -> None:
    await closed(journal, "s")
    for number in range(5):
        await journal.append("s", [MessageReceived("x" * 1_500_000)], after=2 + number)
    ask(url, "UPDATE remit.sessions SET status = 'closed', stirred = false")
    before = dump(url)
    made = await archive(url, plan(tmp_path))
    assert made.sessions == 1
    await restore(url, Path(made.files[0]))
    assert dump(url) == before


# -- blobs -------------------------------------------------------------------------------------------------------------


async def test_a_blob_goes_a_day_after_the_last_session_that_names_it(
    journal: PostgresJournal, url: str, tmp_path: Path
) -> None:
    shared, alone = await journal.put(b"shared"), await journal.put(b"alone")
    await ended(journal, "one", blob=shared)
    await ended(journal, "two", blob=alone)
    await journal.append("stays", [opened(), kept(shared)], after=0)
    stranger = await journal.put(b"nobody has named this one yet")
    made = await archive(url, plan(tmp_path))
    assert (made.sessions, made.blobs) == (2, 0), "not on the same day"
    assert (await archive(url, plan(tmp_path, grace=0))).blobs == 1
    assert list(blobs(url)) == sorted([shared, stranger])
    back = await restore(url, Path(made.files[0]))
    assert back.restored == ["one", "two"]
    assert await journal.get(alone) == b"alone"


async def test_a_blob_that_is_put_again_stays_whatever_is_written_later(
    journal: PostgresJournal, url: str, tmp_path: Path
) -> None:
    blob = await journal.put(b"logo")
    await ended(journal, "s", blob=blob)
    await archive(url, plan(tmp_path))
    assert await journal.put(b"logo") == blob
    assert (await archive(url, plan(tmp_path, grace=0))).blobs == 0
    assert await journal.get(blob) == b"logo"


async def test_a_blob_that_comes_to_be_named_again_stays(journal: PostgresJournal, url: str, tmp_path: Path) -> None:
    """As by a fork, which copies events and puts nothing."""
    blob = await journal.put(b"report")
    await ended(journal, "s", blob=blob)
    await archive(url, plan(tmp_path))
    await journal.append("fork", [opened(), MessageReceived(f"see {blob}, please")], after=0)
    assert (await archive(url, plan(tmp_path, grace=0))).blobs == 0
    assert await journal.get(blob) == b"report"


async def test_a_blob_is_in_a_file_once(journal: PostgresJournal, url: str, tmp_path: Path) -> None:
    blob = await journal.put(bytes(range(256)) * 4000)
    for number in range(5):
        await ended(journal, f"s{number}", blob=blob)
    ask(url, "DELETE FROM remit.sessions WHERE false")
    made = await archive(url, plan(tmp_path))
    ask(url, "TRUNCATE remit.blobs, remit.archived")
    assert (await restore(url, Path(made.files[0]), ["s3"])).restored == ["s3"]
    assert list(blobs(url)) == [blob] == [digest(bytes(range(256)) * 4000)]
    assert names(url) == ["s3"]


# -- others ------------------------------------------------------------------------------------------------------------


async def test_only_one_archives_at_a_time(journal: PostgresJournal, url: str, tmp_path: Path) -> None:
    await ended(journal, "s")
    refusals: list[Exception] = []

    async def try_it() -> None:
        with pytest.raises(JournalBusyError, match="somebody archives"):
            await archive(url, plan(tmp_path))
        refusals.append(JournalBusyError())

    def heard(step: Step, _: str) -> None:
        if step == "named":
            trying.append(asyncio.ensure_future(try_it()))

    trying: list[asyncio.Future[None]] = []
    await archive(url, plan(tmp_path), heard=heard)
    await asyncio.gather(*trying, return_exceptions=True)
    # Whether the other came in time is chance; the lock is looked at directly too.
    [[free]] = ask(url, f"SELECT pg_try_advisory_lock({0x52454D41})")
    assert free, "it is let go at the end"


async def test_a_database_without_a_store_is_not_made_one(bare: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="has no store of Remit; `remit db migrate` makes one"):
        await archive(bare, plan(tmp_path))


async def test_accounts_stay(opened: Opened, url: str, tmp_path: Path) -> None:
    journal = opened()
    await ended(journal, "s")
    ask(url, "INSERT INTO remit.accounts VALUES ('usd/tenant/t/2026-01-01', 7)")
    await archive(url, plan(tmp_path))
    assert await journal.used("usd/tenant/t/2026-01-01") == 7
