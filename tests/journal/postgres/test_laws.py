"""Laws: whatever several processes try, in any order: contiguous, no cap passed, nothing confirmed is lost."""

import asyncio
import uuid
from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.journal.postgres.asking import Opened

from remit.core.errors import ConflictError, OverLimitError
from remit.core.events import MessageReceived
from remit.core.ports import Entry
from remit.journal import MemoryJournal
from remit.testing.journals import said

SESSIONS, ACCOUNTS, CAP = ("s0", "s1", "s2"), ("a0", "a1"), 20


@dataclass(frozen=True)
class Try:
    """An append that somebody tries."""

    process: int
    session: str
    ahead: int
    """How far from the tail it believes it stands."""
    events: int
    entries: tuple[tuple[str, int, bool], ...]


entries = st.tuples(st.sampled_from(ACCOUNTS), st.integers(-5, 9), st.booleans())
tries = st.builds(
    Try,
    st.integers(0, 1),
    st.sampled_from(SESSIONS),
    st.sampled_from((0, 0, 0, 0, 1, -1)),
    st.integers(0, 3),
    st.lists(entries, max_size=3, unique_by=lambda entry: entry[0]).map(tuple),
)


def entry(scope: str, name: str, amount: int, *, capped: bool) -> Entry:
    """Give an entry: what gives back needs no cap."""
    return Entry(f"{scope}/{name}", amount, CAP if capped and amount > 0 else None)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(tries, max_size=25))
async def test_one_after_the_other_it_does_what_the_journal_in_memory_does(opened: Opened, wishes: list[Try]) -> None:
    stores = [opened(), opened()]
    model, scope = MemoryJournal(), uuid.uuid4().hex
    for number, wish in enumerate(wishes):
        name = f"{scope}/{wish.session}"
        after = max(0, len(await model.read(name)) + wish.ahead)
        events = said(*(f"{number}/{place}" for place in range(wish.events)))
        taken = [entry(scope, account, amount, capped=capped) for account, amount, capped in wish.entries]
        results: list[str] = []
        for store in (stores[wish.process], model):
            try:
                results.append(str(await store.append(name, events, after=after, entries=taken)))
            except (ConflictError, OverLimitError) as error:
                results.append(f"{type(error).__name__}: {error}")
        assert results[0] == results[1]
    for session in SESSIONS:
        name = f"{scope}/{session}"
        ours, theirs = await stores[0].read(name), await model.read(name)
        assert [(record.seq, record.event) for record in ours] == [(record.seq, record.event) for record in theirs]
    for account in ACCOUNTS:
        assert await stores[0].used(f"{scope}/{account}") == await model.used(f"{scope}/{account}")
    for store in stores:
        await store.close()


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(tries, min_size=5, max_size=40))
async def test_all_at_once_the_laws_hold(opened: Opened, wishes: list[Try]) -> None:
    stores = [opened(), opened()]
    scope = uuid.uuid4().hex
    sums = dict.fromkeys(ACCOUNTS, 0)
    confirmed: dict[str, dict[int, str]] = {session: {} for session in SESSIONS}

    async def attempt(number: int, wish: Try) -> None:
        store, name = stores[wish.process], f"{scope}/{wish.session}"
        after = len(await store.read(name))
        texts = [f"{number}/{place}" for place in range(wish.events)]
        taken = [Entry(f"{scope}/{account}", abs(amount), CAP) for account, amount, _ in wish.entries]
        try:
            tail = await store.append(name, said(*texts), after=after, entries=taken)
        except (ConflictError, OverLimitError):
            return
        assert tail == after + len(texts)
        confirmed[wish.session] |= {after + place: text for place, text in enumerate(texts, 1)}
        if texts:
            for account, amount, _ in wish.entries:
                sums[account] += abs(amount)

    await asyncio.gather(*(attempt(number, wish) for number, wish in enumerate(wishes)))
    for session in SESSIONS:
        records = await stores[0].read(f"{scope}/{session}")
        assert [record.seq for record in records] == list(range(1, len(records) + 1))
        texts = {record.seq: record.event.text for record in records if isinstance(record.event, MessageReceived)}
        assert texts == confirmed[session], "exactly what was confirmed is there"
    for account in ACCOUNTS:
        assert await stores[0].used(f"{scope}/{account}") == sums[account] <= CAP
    for store in stores:
        await store.close()
