"""The store on PostgreSQL passes the one suite, and the crash suite, unchanged."""

from typing import cast

import pytest
from tests.journal.postgres.fixtures import emptied
from tests.runtime.test_crash import EFFECTS, WAYS, Machine, Moment, appends_of, check, dies_at

from remit.journal import MemoryJournal, RedactedStore
from remit.journal.postgres import PostgresJournal
from remit.policy import Secrets
from remit.testing.crash import Died
from remit.testing.journals import STORE_CHECKS, Check


@pytest.mark.parametrize("check", STORE_CHECKS, ids=lambda check: check.__name__)
async def test_a_store_conforms(check: Check, journal: PostgresJournal) -> None:
    await check(journal)


@pytest.mark.parametrize("check", STORE_CHECKS, ids=lambda check: check.__name__)
async def test_a_store_that_lets_no_secret_in_conforms(check: Check, journal: PostgresJournal) -> None:
    await check(RedactedStore(journal, Secrets({"key": "hunter2-hunter2"})))


def machine(way: str, effect: str, journal: PostgresJournal, url: str) -> Machine:
    """Give a machine with an empty disk."""
    emptied(url)
    # The suite names the journal in memory; it uses what every store has.
    return Machine(way, effect, cast("MemoryJournal", journal))


@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("way", WAYS)
async def test_a_crash_at_any_append_never_repeats_a_once_only_effect(
    way: str, effect: str, journal: PostgresJournal, url: str
) -> None:
    moments: tuple[Moment, ...] = ("before", "after")
    for at in range(1, await appends_of(way, effect) + 1):
        for moment in moments:
            ours = machine(way, effect, journal, url)
            home, _ = ours.boot(at, moment)
            with pytest.raises(Died):
                await home.run(ours.agent(), "go")
            await check(ours)


@pytest.mark.parametrize("effect", EFFECTS)
async def test_a_crash_between_act_and_outcome_never_repeats_a_once_only_effect(
    effect: str, journal: PostgresJournal, url: str
) -> None:
    for at in (1, 2, 3):
        ours = machine("react", effect, journal, url)
        ours.counter.around = dies_at(at, "after")
        home, store = ours.boot()
        with pytest.raises(Died):
            await home.run(ours.agent(), "go")
        store.dead = True
        ours.counter.around = lambda moment: None
        await check(ours)
