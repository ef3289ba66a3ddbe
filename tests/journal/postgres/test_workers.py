"""Who lives is what the database last heard; a worker whose lease is gone writes nothing, whatever it believes."""

import asyncio

import pytest
from tests.journal.postgres.asking import Opened, ask

from remit.core.errors import ConflictError, SessionBusyError
from remit.core.events import ApprovalGiven, EffectStarted, RunEnded, RunOpened, RunResumed
from remit.core.ports import Entry
from remit.journal.postgres import Patience, PostgresJournal
from remit.testing.journals import said, session_opened

SILENT = Patience(beat=3600, life=3600)
"""A worker that says nothing by itself, so that a test can say when it is thought dead."""


async def drive(journal: PostgresJournal, session: str = "s") -> int:
    """Begin a run of a new session, as the worker that this journal is."""
    events = [session_opened(root=session), *said("go"), RunOpened(1, "react@1", journal.workers.me, 5)]
    return await journal.append(session, events, after=0)


def expire(url: str, worker: str) -> None:
    """Let the signs of life of a worker be too long ago."""
    ask(url, f"UPDATE remit.workers SET expires = clock_timestamp() - interval '1 s' WHERE name = '{worker}'")


async def test_a_worker_lives_from_its_first_run_until_it_closes(opened: Opened) -> None:
    one, two = opened(SILENT), opened(SILENT)
    await drive(one)
    await two.read("s")
    assert one.workers.alive(one.workers.me)
    assert two.workers.alive(one.workers.me)
    await one.close()
    await two.workers.look()
    assert not two.workers.alive(one.workers.me)
    await two.close()


async def test_only_a_sign_of_life_that_was_taken_says_that_the_database_heard_it(opened: Opened) -> None:
    journal = opened(SILENT)
    await journal.workers.look()
    assert not journal.workers.heard
    await journal.workers.begin()
    assert journal.workers.heard
    hasty = opened(Patience(beat=3600, life=0.0))
    await hasty.workers.begin()
    assert not hasty.workers.heard
    await journal.close()
    await hasty.close()


async def test_reading_a_session_finds_out_whether_its_worker_lives(opened: Opened) -> None:
    one, two = opened(SILENT), opened(SILENT)
    await drive(one)
    await one.close()
    await two.read("s")
    assert not two.workers.alive(one.workers.me)
    await two.append("t", [session_opened(), RunOpened(1, "r", "never-heard-of", 5)], after=0)
    await two.read("t")
    assert not two.workers.alive("never-heard-of")
    assert two.workers.alive("nobody has asked")
    await two.close()


async def test_whoever_only_reads_and_messages_is_no_worker(url: str, opened: Opened) -> None:
    journal = opened(SILENT)
    await journal.append("s", [session_opened(), *said("go")], after=0)
    await journal.read("s")
    assert ask(url, "SELECT count(*) FROM remit.workers")[0][0] == 0
    await journal.close()


async def test_a_worker_gives_signs_of_life(url: str, opened: Opened) -> None:
    journal = opened(Patience(beat=0.02, life=3600))
    await journal.workers.begin()
    [[first]] = ask(url, "SELECT expires FROM remit.workers")
    while (await asyncio.to_thread(ask, url, "SELECT expires FROM remit.workers"))[0][0] == first:
        pass
    await journal.close()
    assert ask(url, "SELECT count(*) FROM remit.workers")[0][0] == 0


async def test_a_lease_that_lives_cannot_be_taken(opened: Opened) -> None:
    one, two = opened(SILENT), opened(SILENT)
    tail = await drive(one)
    with pytest.raises(SessionBusyError):
        await two.workers.take("s")
    with pytest.raises(SessionBusyError):
        await two.workers.take("not there")
    with pytest.raises(ConflictError):
        await two.append("s", [RunResumed(two.workers.me, 6)], after=tail)
    assert await one.append("s", [EffectStarted("c")], after=tail) == tail + 1
    await one.close()
    await two.close()


async def test_a_worker_whose_lease_is_gone_cannot_append(url: str, opened: Opened) -> None:
    zombie, heir = opened(SILENT), opened(SILENT)
    tail = await drive(zombie)
    ask(url, f"DELETE FROM remit.workers WHERE name = '{zombie.workers.me}'")
    epoch = await heir.workers.take("s")
    assert epoch > zombie.workers.held["s"]
    for _ in range(2):
        with pytest.raises(ConflictError):
            await zombie.append("s", [EffectStarted("c")], after=tail, entries=[Entry("x", 1)])
    assert await zombie.used("x") == 0
    with pytest.raises(ConflictError):
        await zombie.append("s", [RunResumed(zombie.workers.me, 6)], after=tail)
    # What a person says through the same process still counts.
    assert await zombie.append("s", [ApprovalGiven("c", granted=True, by="ann", digest="h")], after=tail) == tail + 1
    assert await heir.append("s", [RunResumed(heir.workers.me, 6)], after=tail + 1) == tail + 2
    assert await heir.append("s", [RunEnded(1, "done", "x")], after=tail + 2) == tail + 3
    assert "s" not in heir.workers.held
    await zombie.close()
    await heir.close()


async def test_without_the_epoch_the_zombie_would_write(url: str, opened: Opened) -> None:
    """The safeguard broken: a process that has forgotten its lease is held up by nothing but the head."""
    zombie, heir = opened(SILENT), opened(SILENT)
    tail = await drive(zombie)
    ask(url, f"DELETE FROM remit.workers WHERE name = '{zombie.workers.me}'")
    await heir.workers.take("s")
    zombie.workers.held.clear()
    assert await zombie.append("s", [EffectStarted("c")], after=tail) == tail + 1
    await zombie.close()
    await heir.close()


async def test_a_lease_is_given_back_once(opened: Opened) -> None:
    one, two = opened(SILENT), opened(SILENT)
    await one.append("s", [session_opened()], after=0)
    first = await one.workers.take("s")
    await one.workers.release("s")
    second = await two.workers.take("s")
    assert second == first + 1
    await one.workers.release("s")
    with pytest.raises(SessionBusyError):
        await one.workers.take("s")
    await one.close()
    await two.close()


async def test_the_sessions_of_a_dead_worker_are_found_until_somebody_drives_them(opened: Opened) -> None:
    dead, alive = opened(Patience(beat=3600, life=0.001)), opened(Patience(beat=3600, life=0.001))
    tail = await drive(dead, "fallen")
    await drive(dead, "ended")
    await dead.append("ended", [RunEnded(1, "done", "x")], after=3)
    await dead.append("idle", [session_opened(), *said("hi")], after=0)
    assert await alive.workers.fallen() == ["fallen"]
    assert await alive.workers.fallen() == ["fallen"]
    with pytest.raises(ConflictError):
        await dead.append("fallen", [EffectStarted("c")], after=tail)
    await alive.append("fallen", [RunResumed(alive.workers.me, 9)], after=tail)
    assert await alive.workers.fallen() == []
    await dead.close()
    await alive.close()


async def test_a_worker_that_was_buried_goes_on_under_another_name(url: str, opened: Opened) -> None:
    sleeper, other = opened(SILENT), opened(SILENT)
    tail = await drive(sleeper)
    before = sleeper.workers.me
    expire(url, before)
    ask(url, f"DELETE FROM remit.workers WHERE name = '{before}'")
    assert await other.workers.fallen() == ["s"]
    await sleeper.workers.beat()
    assert sleeper.workers.me != before
    with pytest.raises(ConflictError):
        await sleeper.append("s", [EffectStarted("c")], after=tail)
    await other.read("s")
    assert not other.workers.alive(before)
    await drive(sleeper, "t")
    await other.read("t")
    assert other.workers.alive(sleeper.workers.me)
    await sleeper.close()
    await other.close()


async def test_a_worker_that_was_late_and_not_buried_goes_on(url: str, opened: Opened) -> None:
    sleeper = opened(SILENT)
    tail = await drive(sleeper)
    expire(url, sleeper.workers.me)
    await sleeper.workers.beat()
    assert await sleeper.append("s", [EffectStarted("c")], after=tail) == tail + 1
    await sleeper.close()


async def test_nobody_is_buried_by_a_server_that_has_just_come_up(url: str, opened: Opened) -> None:
    """It has heard of nobody for a while, and that is its own fault."""
    one, two = opened(Patience(beat=3600, life=1e6)), opened(Patience(beat=3600, life=1e6))
    await drive(one)
    expire(url, one.workers.me)
    assert await two.workers.fallen() == []
    await two.read("s")
    assert two.workers.alive(one.workers.me)
    with pytest.raises(SessionBusyError):
        await two.workers.take("s")
    await one.close()
    await two.close()
