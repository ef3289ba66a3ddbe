"""A backlog counts what nobody took up, and stands while the store is away."""

from remit import Agent, Home
from remit.core.errors import JournalError
from remit.core.ports import SessionQuery, SessionRow
from remit.journal import MemoryJournal
from remit.server.exporting import Backlog, Queued
from remit.testing import EchoModel

ECHO = Agent("echo", model=EchoModel())


async def test_sessions_with_a_message_are_counted_since_the_oldest_over_all_pages() -> None:
    async with Home.open("memory") as home:
        backlog = Backlog(home.store)
        assert backlog.queued() == Queued()
        await home.run(ECHO, "done")
        await backlog.look()
        assert backlog.queued() == Queued()
        for number in range(501):
            await home.begin(ECHO, "to do", tenant="default", session=f"s{number}")
        rows = await home.sessions(SessionQuery(status="idle", why="message", limit=1000))
        await backlog.look()
        assert backlog.queued() == Queued(501, min(row.changed for row in rows))


async def test_the_last_count_stands_while_the_store_does_not_answer() -> None:
    class Away(MemoryJournal):
        away = False

        async def sessions(self, query: SessionQuery) -> list[SessionRow]:
            if self.away:
                raise JournalError("the disk is gone")
            return [SessionRow("s1", "echo", "acme", "idle", 1, 7, why="message")]

    store = Away()
    backlog = Backlog(store)
    await backlog.look()
    store.away = True
    await backlog.look()
    assert backlog.queued() == Queued(1, 7)
