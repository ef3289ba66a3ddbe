"""Over a database a follower asks what was written of late, never for all sessions, and misses nothing by it."""

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.journal.postgres.asking import ask
from tests.server.exporting.test_following import ECHO, Seen

from remit.core import events as ev
from remit.core.errors import JournalError
from remit.core.events import Record
from remit.core.messages import Call
from remit.core.ports import SessionQuery, SessionRow
from remit.journal import MemoryJournal, RedactedStore
from remit.journal.postgres import PostgresJournal
from remit.policy import Secrets
from remit.server.exporting import Follower, Keeping, Pace, Stood
from remit.server.exporting.tailing import OVERLAP, tailed

SELDOM = Pace(every=0.02, least=0.01, survey=3600)
OPENED = ev.SessionOpened("a", "1", "react@1", {}, "t", ev.Tree("s"), ECHO.limits, {})
WAITS = [
    OPENED,
    ev.RunOpened(1, "react@1", "w", 0),
    ev.ApprovalAsked("c", "d", "much", 9, Call("pay", {}, "c"), persons=2),
    ev.RunSuspended("approval", 1),
]
GIVEN = ev.ApprovalGiven("c", granted=True, by="ann", digest="d")


@dataclass
class Counted(PostgresJournal):
    """A store in a database that knows how often it was asked what."""

    url: str
    reads: list[str] = field(default_factory=list[str])
    lists: int = 0
    broken: bool = False
    held: asyncio.Event | None = None

    def __post_init__(self) -> None:
        super().__init__(self.url)

    async def read(self, session: str, *, after: int = 0) -> list[Record]:
        self.reads.append(session)
        if self.broken:
            raise JournalError("it is away")
        if self.held is not None:
            self.held.set()
            await asyncio.Event().wait()
        return await super().read(session, after=after)

    async def sessions(self, query: SessionQuery) -> list[SessionRow]:
        self.lists += 1
        return await super().sessions(query)

    def forget(self) -> None:
        self.reads.clear()


async def waiting(journal: PostgresJournal, count: int) -> None:
    await asyncio.gather(*(journal.append(f"s{number}", WAITS, after=0) for number in range(count)))


async def test_who_decides_elsewhere_is_seen_at_the_next_look_and_no_other_session_is_read(url: str) -> None:
    seen, ours = Seen(), Counted(url)
    await waiting(ours, 40)
    follower = Follower(RedactedStore(ours, Secrets()), [seen], since=0, pace=SELDOM)
    await follower.look()
    assert (len(ours.reads), seen.rows) == (40, 40)
    ours.forget()
    await follower.look()
    assert (ours.reads, ours.lists) == ([], 0)
    # What a person decides leaves the line of the session as it was.
    await _elsewhere(url, "s7")
    await follower.look()
    assert (ours.reads, seen.fresh("s7")) == (["s7"], [1, 2, 3, 4, 5])
    assert ours.lists == 0
    await ours.close()


async def _elsewhere(url: str, session: str) -> None:
    """Have another process decide."""
    program = (
        "import asyncio, sys\n"
        "from remit.core.events import ApprovalGiven\n"
        "from remit.journal.postgres import PostgresJournal\n"
        "async def main(url, session):\n"
        "    journal = PostgresJournal(url)\n"
        "    await journal.append(session, [ApprovalGiven('c', granted=True, by='ann', digest='d')], after=4)\n"
        "    await journal.close()\n"
        "asyncio.run(main(*sys.argv[1:]))\n"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", program, url, session)
    assert await process.wait() == 0


async def test_what_is_committed_late_is_found_and_what_is_very_late_by_going_through_all(url: str) -> None:
    seen, ours = Seen(), Counted(url)
    await waiting(ours, 2)
    now = [1]
    follower = Follower(ours, [seen], since=0, pace=SELDOM, clock=lambda: now[0])
    await follower.look()
    ask(url, f"UPDATE remit.batches SET at = at - {OVERLAP * 10}")
    for session, late in (("s0", OVERLAP // 2), ("s1", OVERLAP * 10)):
        await ours.append(session, [GIVEN], after=4)
        ask(url, f"UPDATE remit.batches SET at = at - {late} WHERE seq = 5 AND session = "
            f"(SELECT number FROM remit.sessions WHERE id = '{session}')")  # fmt: skip
    await follower.look()
    assert (len(seen.fresh("s0")), len(seen.fresh("s1"))) == (5, 4)
    now[0] += 3_600_000
    await follower.look()
    assert len(seen.fresh("s1")) == 5
    await ours.close()


async def test_a_session_at_rest_is_not_read_before_it_goes_on(url: str) -> None:
    seen, ours = Seen(), Counted(url)
    await ours.append("old", [OPENED], after=0)
    await ours.append("waits", WAITS, after=0)
    follower = Follower(ours, [seen], since=2**62, pace=Pace(survey=0.0))
    for _ in range(2):
        await follower.look()
    assert ours.reads == ["waits"]
    await ours.append("old", [ev.MessageReceived("hi")], after=1)
    await follower.look()
    assert [seq for seq, _ in seen.records["old"]] == [1, 2]
    await ours.close()


async def test_what_could_not_be_read_is_read_later_although_nothing_comes_after_it(url: str) -> None:
    seen, ours = Seen(), Counted(url)
    await waiting(ours, 1)
    follower = Follower(ours, [seen], since=0, pace=SELDOM)
    ours.broken = True
    await follower.look()
    assert (follower.failures, seen.records) == (1, {})
    ours.broken = False
    ask(url, f"UPDATE remit.batches SET at = at - {OVERLAP * 10}")
    await follower.look()
    assert len(seen.fresh("s0")) == 4
    await ours.close()


async def test_a_look_that_is_stopped_loses_nothing(url: str) -> None:
    seen, ours = Seen(), Counted(url)
    await waiting(ours, 3)
    follower = Follower(ours, [seen], since=0, pace=SELDOM)
    ours.held = asyncio.Event()
    looking = asyncio.create_task(follower.look())
    await ours.held.wait()
    looking.cancel()
    await asyncio.gather(looking, return_exceptions=True)
    ours.held = None
    ask(url, f"UPDATE remit.batches SET at = at - {OVERLAP * 10}")
    await follower.look()
    assert all(len(seen.fresh(f"s{number}")) == 4 for number in range(3))
    await ours.close()


async def test_who_knows_where_it_stood_reads_only_what_has_gone_on(url: str) -> None:
    seen, ours = Seen(), Counted(url)
    await waiting(ours, 3)
    stood = {f"s{number}": Stood(seq=4, changed=0, looked=0) for number in range(2)}
    await ours.append("s1", [GIVEN], after=4)
    follower = Follower(ours, [seen], since=0, pace=SELDOM, keeping=Keeping(stood=stood))
    await follower.look()
    assert sorted(set(ours.reads)) == ["s1", "s2"]
    assert seen.fresh("s1") == [5]
    await ours.close()


async def test_a_database_gives_all_of_many_sessions_page_by_page(url: str, journal: PostgresJournal) -> None:
    for first in range(0, 2500, 500):
        await asyncio.gather(*(journal.append(f"s{number}", [OPENED], after=0) for number in range(first, first + 500)))
    everything, now = await journal.written(0)
    assert {row.id for row, _ in everything} == {f"s{number}" for number in range(2500)}
    assert {tail for _, tail in everything} == {1}
    of_late, later = await journal.written(1)
    assert len(of_late) == 2500
    assert later >= now > 1_600_000_000_000
    assert (await journal.written(later + 60_000))[0] == []
    await journal.append("s7", [ev.MessageReceived("hi")], after=1)
    found: Sequence[tuple[SessionRow, int]] = (await journal.written(later))[0]
    assert ("s7", 2) in [(row.id, tail) for row, tail in found]


def test_only_stores_that_know_are_asked(url: str) -> None:
    journal = PostgresJournal(url)
    assert tailed(RedactedStore(RedactedStore(journal, Secrets()), Secrets())) is journal
    assert tailed(RedactedStore(MemoryJournal(), Secrets())) is None


async def test_the_question_is_answered_by_an_index_alone(url: str, journal: PostgresJournal) -> None:
    await waiting(journal, 300)
    plan = ask(
        url,
        "ANALYZE remit.batches",
        "SET enable_seqscan = off",
        "EXPLAIN SELECT session FROM remit.batches WHERE at >= 9000000000000",
    )
    assert "batches_by_time" in str(plan)
