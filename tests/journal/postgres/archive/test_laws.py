"""Laws: whatever is in a journal, a file and back is where it began; and a file with a wrong bit gives nothing back."""

import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.core.samples import SAMPLES
from tests.journal.postgres.archive.stock import dump, ended, kept, names, opened, plan, put, raw
from tests.journal.postgres.asking import ask

from remit.core.errors import ConfigError, CorruptJournalError, NewerSchemaError
from remit.core.events import Event, MessageReceived
from remit.journal.postgres import PostgresJournal
from remit.journal.postgres.archive import archive, restore
from remit.journal.postgres.archive.reading import content_of, lines_of

OVER = """
UPDATE remit.sessions SET status = 'closed', owner = '', stirred = false, wake = NULL, parked = NULL"""
EMPTY = "TRUNCATE remit.sessions, remit.batches, remit.blobs, remit.archived, remit.restored, remit.loose"

texts = st.text(st.characters(codec="utf-8"), max_size=30)
events = st.one_of(st.sampled_from(SAMPLES[1:]), texts.map(MessageReceived))
batches = st.lists(st.lists(events, min_size=1, max_size=4), max_size=5)
journals = st.lists(st.tuples(batches, st.lists(st.binary(max_size=50), max_size=2), st.integers(-1, 3)), max_size=5)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(journals)
async def test_a_file_and_back_is_where_it_began(
    url: str,
    tmp_path: Path,
    wished: list[tuple[list[list[Event]], list[bytes], int]],
) -> None:
    ask(url, EMPTY)
    journal = PostgresJournal(url)
    for number, (written, bodies, parent) in enumerate(wished):
        name = f"s{number}"
        above = f"s{parent}" if 0 <= parent < number else ""
        tail = await journal.append(name, [opened(above)], after=0)
        for batch in written:
            tail = await journal.append(name, batch, after=tail)
        for body in bodies:
            tail = await journal.append(name, [kept(await journal.put(body))], after=tail)
    await journal.close()
    ask(url, OVER)
    before = dump(url)
    blobs = {row[0]: row[1] for row in ask(url, "SELECT digest, body FROM remit.blobs")}
    made = await archive(url, plan(tmp_path, sessions=2))
    assert made.sessions == len(wished)
    assert dump(url) == []
    ask(url, "DELETE FROM remit.blobs")
    for file in made.files:
        await restore(url, Path(file))
        again = await restore(url, Path(file))
        assert again.restored == []
        assert again.refused == {}
    assert dump(url) == before
    assert {row[0]: row[1] for row in ask(url, "SELECT digest, body FROM remit.blobs")} == blobs


async def test_a_wrong_bit_anywhere_is_found_or_changes_nothing(
    journal: PostgresJournal, url: str, tmp_path: Path
) -> None:
    blob = await journal.put(b"picture" * 50)
    for number in range(3):
        await ended(journal, f"s{number}", blob=blob)
    made = await archive(url, plan(tmp_path))
    file = Path(made.files[0])
    good, lines = raw(file), list(lines_of(file))
    lots = random.Random(7)
    places = {*range(80 * 8), *(lots.randrange(len(good) * 8) for _ in range(1500))}
    found = 0
    for place in places:
        bad = bytearray(good)
        bad[place // 8] ^= 1 << place % 8
        put(file, bytes(bad))
        try:
            content_of(file)
        except (CorruptJournalError, ConfigError, NewerSchemaError):
            found += 1
        else:
            assert list(lines_of(file)) == lines, f"bit {place}"
    # A few bits of the header say nothing, such as the time.
    assert found > len(places) - 100
    for end in (0, 1, 20, len(good) // 2, len(good) - 1):
        put(file, good[:end])
        with pytest.raises(CorruptJournalError):
            await restore(url, file)
    assert names(url) == []
    put(file, good)
    assert len((await restore(url, file)).restored) == 3
