"""Killed between any two transactions and begun again, views are what one clean pass over the journals gives."""

import asyncio
import sqlite3
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.server.projection.filling import batches

from remit.core import events as ev
from remit.core.limits import Limits
from remit.core.messages import Call, Outcome, Usage
from remit.journal import MemoryJournal
from remit.server.exporting import Follower, Keeping, Pace
from remit.server.projection.files import ViewsFile
from remit.server.projection.keeping import Keeper
from remit.server.projection.port import Listing
from remit.server.projection.views import Views
from remit.server.projection.writing import SHIFT, write

Act = tuple[Literal["append", "look", "flush", "crash"], int]

_CALL, _OTHER = Call("refund", {"usd": 3}, "c1_1_0"), Call("mail", {}, "c2_1_0")


def script(number: int) -> list[ev.Event]:
    """Two runs with all that views count; the third is a fork of the first."""
    forked = "s0@5" if number == 2 else ""
    return [
        ev.SessionOpened(
            f"agent{number % 2}", "1", "react@1", {"refund": "x"}, f"t{number % 2}", ev.Tree(f"s{number}"), Limits(),
            {"default": "small"}, forked=forked,
        ),
        ev.MessageReceived(f"please refund order{number}"),
        ev.RunOpened(1, "react@1", "w", 0),
        ev.ModelAsked("1.0", hold=10),
        ev.ModelAnswered("1.0", "I ask somebody", (_CALL,), Usage(90, 4), 7),
        ev.ApprovalAsked(_CALL.id, "d", "much", 9, persons=2),
        ev.RunSuspended("approval", 1),
        ev.ApprovalGiven(_CALL.id, granted=True, by="ann", digest="d"),
        ev.ApprovalGiven(_CALL.id, granted=True, by="bob", digest="d"),
        ev.RunResumed("w", 2),
        ev.EffectStarted(_CALL.id, hold=5),
        ev.EffectInDoubt(_CALL.id, "did it happen?"),
        ev.EffectReconciled(_CALL.id, happened=True, by="ann"),
        ev.EffectEnded(Outcome(_CALL.id), cost=5),
        ev.Flagged("honeypot", "notice", "bait", _CALL.id),
        ev.RunEnded(1, "done", "all is well"),
        ev.MessageReceived("and once more"),
        ev.RunOpened(2, "react@1", "w", 3),
        ev.ModelAsked("1.0", hold=10),
        ev.ModelFailed("1.0", "away", 1),
        ev.ModelAsked("1.0", hold=10),
        ev.ModelAnswered("1.0", "", (_OTHER,), Usage(9, 1), 2),
        ev.InputAsked(_OTHER.id, "which?", {}),
        ev.RunEnded(2, "failed", reason="broken"),
    ]  # fmt: skip


def dump(path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Give all that views hold, whatever the numbers of sessions are."""
    db = sqlite3.connect(path)
    names = dict(db.execute("SELECT number, id FROM sessions"))
    db.execute("CREATE VIRTUAL TABLE temp.words USING fts5vocab (main, said, instance)")
    columns = [name for _, name, *_ in db.execute("PRAGMA table_info (sessions)") if name not in {"number", "looked"}]
    found: dict[str, list[tuple[object, ...]]] = {
        "sessions": sorted(db.execute(f"SELECT {', '.join(columns)} FROM sessions")),
        "counts": sorted(db.execute("SELECT * FROM counts WHERE sessions <> 0")),
        "hours": sorted(db.execute("SELECT * FROM hours")),
        "flags": sorted((names[number], *rest) for number, *rest in db.execute("SELECT * FROM flags")),
        "words": sorted(
            (names[place >> SHIFT], place % (1 << SHIFT), term, offset)
            for term, place, offset in db.execute("SELECT term, doc, offset FROM temp.words")
        ),
    }
    db.close()
    return found


class Process:
    """One that keeps views, until it is killed."""

    def __init__(self, store: MemoryJournal, path: Path) -> None:
        self.store, self.keeper = store, Keeper(store, path)
        self.follower: Follower | None = None

    async def look(self) -> None:
        if self.follower is None:
            keeping = Keeping(stood=await self.keeper.stood())
            pace = Pace(survey=0.0, resting=1)
            self.follower = Follower(self.store, [self.keeper], since=0, pace=pace, keeping=keeping)
        await self.follower.look()
        assert self.follower.failures == 0


async def lived(acts: Sequence[Act], store: MemoryJournal, path: Path) -> None:
    """Do what was drawn with two processes, the second of which shares the file of the first."""
    scripts = [script(number) for number in range(3)]
    places = [0, 0, 0]
    processes = [Process(store, path), Process(store, path)]
    for act, number in acts:
        process = processes[number % 2]
        match act:
            case "append":
                one = number % 3
                some = scripts[one][places[one] : places[one] + 1 + number]
                places[one] = await store.append(f"s{one}", some, after=places[one])
            case "look":
                await process.look()
            case "flush":
                await process.keeper.flush()
            case "crash":
                await process.keeper.close()
                processes[number % 2] = Process(store, path)
    for process in processes:
        await process.look()
        await process.keeper.flush()
        await process.keeper.close()


_ACTS = st.lists(st.tuples(st.sampled_from(("append", "append", "look", "flush", "crash")), st.integers(0, 5)))


@settings(max_examples=40, deadline=None)
@given(_ACTS)
def test_a_crash_neither_loses_nor_counts_twice(acts: Sequence[Act]) -> None:
    async def both() -> None:
        with tempfile.TemporaryDirectory() as folder:
            store, often, once = MemoryJournal(), Path(folder) / "often.db", Path(folder) / "once.db"
            await lived(acts, store, often)
            await lived((), store, once)
            assert dump(often) == dump(once)

    asyncio.run(both())


@pytest.mark.parametrize("first", [0, 1])
async def test_what_two_servers_bring_of_the_same_counts_once_whoever_is_first(first: int, tmp_path: Path) -> None:
    store, often, once = MemoryJournal(), tmp_path / "often.db", tmp_path / "once.db"
    processes = [Process(store, often), Process(store, often)]
    await store.append("s0", script(0)[:8], after=0)
    await processes[0].look()
    await store.append("s0", script(0)[8:], after=8)
    await processes[1].look()
    # One brings what the other has a part of, or a part of what is there already.
    await processes[first].keeper.flush()
    await processes[1 - first].keeper.flush()
    for process in processes:
        await process.keeper.close()
    await lived((), store, often)
    await lived((), store, once)
    assert dump(often) == dump(once)


async def test_what_cannot_be_written_whole_is_not_written_at_all(tmp_path: Path) -> None:
    file, some = ViewsFile(tmp_path / "views.db"), list(batches(3))
    # Figures come last.
    full = "CREATE TRIGGER full BEFORE INSERT ON hours BEGIN SELECT RAISE (ABORT, 'no room'); END"
    await file.write(lambda db: db.execute(full))
    with pytest.raises(sqlite3.IntegrityError, match="no room"):
        await file.write(lambda db: write(db, some))
    kept = dump(tmp_path / "views.db")
    assert not any(kept.values()), kept
    await file.write(lambda db: db.execute("DROP TRIGGER full"))
    await file.write(lambda db: write(db, some))
    await file.close()
    assert len(dump(tmp_path / "views.db")["sessions"]) == 3


async def test_a_server_that_begins_again_reads_only_what_it_has_not(tmp_path: Path) -> None:
    class Watched(MemoryJournal):
        async def read(self, session: str, *, after: int = 0) -> list[ev.Record]:
            asked.append(after)
            return await super().read(session, after=after)

    asked, store = list[int](), Watched()
    await store.append("s0", script(0), after=0)
    await lived((), store, tmp_path / "views.db")
    asked.clear()
    keeper = Keeper(store, tmp_path / "views.db")
    await keeper.look()
    await keeper.close()
    assert set(asked) <= {len(script(0))}


async def test_what_is_counted_is_what_happened_and_a_fork_does_not_pay_for_its_past(tmp_path: Path) -> None:
    store, path = MemoryJournal(), tmp_path / "views.db"
    for number in range(3):
        await store.append(f"s{number}", script(number), after=0)
    await lived((), store, path)
    keeper = Keeper(store, path)
    views = Views(keeper, store, {})
    rows = {name: await views.list(f"t{number}", Listing()) for number, name in enumerate(("even", "odd"))}
    found = {one.id: one for page in rows.values() for one in page.sessions}
    figures = await views.figures("t0", since=0, until=2**42, step=2**42)
    flags = (await views.flags("t0")).flags
    overview = await views.overview("t0")
    await keeper.close()
    assert {name: (one.steps, one.tokens, round(one.cost_usd * 1e9), one.flags) for name, one in found.items()} == {
        "s0": (4, 104, 15, 2), "s1": (4, 104, 15, 2), "s2": (3, 10, 8, 2),
    }  # fmt: skip
    assert all((one.status, one.why, one.waits, one.runs) == ("idle", "failed", 0, 2) for one in found.values())
    (agent,), (model,), (tool,) = figures.agents, figures.models, figures.tools
    assert (agent.runs, agent.done, agent.failed, round(agent.cost_usd * 1e9)) == (4, 2, 2, 23)
    assert (model.calls, model.failed, model.input, round(model.cost_usd * 1e9)) == (5, 2, 108, 13)
    assert (tool.tool, tool.calls, tool.ok, tool.doubts) == ("refund", 2, 2, 2)
    assert [(one.kind, one.resolved, one.tool) for one in flags] == [
        ("honeypot", False, "refund"), ("in_doubt", True, "refund"),
    ] * 2  # fmt: skip
    assert (overview.idle, overview.runs_today, overview.failed_today, overview.flags_today) == (2, 4, 2, 4)
    assert (overview.approvals, overview.oldest_wait, overview.queued) == (0, None, 0)


async def test_a_fork_has_neither_the_money_nor_the_runs_nor_the_flags_of_its_past() -> None:
    store = MemoryJournal()
    keeper = Keeper(store, None)
    views = Views(keeper, store, {})
    opened, *past = script(0)[:16]
    assert isinstance(opened, ev.SessionOpened)
    await store.append("s0", [opened, *past], after=0)
    await keeper.look()
    before = await views.figures("t0", since=0, until=2**42, step=2**42), await views.flags("t0")
    await store.append("fork", [replace(opened, forked="s0@16"), *past], after=0)
    await keeper.look()
    assert (await views.figures("t0", since=0, until=2**42, step=2**42), await views.flags("t0")) == before
    (fork,) = [one for one in (await views.list("t0", Listing())).sessions if one.id == "fork"]
    assert (fork.steps, fork.tokens, fork.cost_usd, fork.flags) == (0, 0, 0.0, 0)
    await keeper.close()
