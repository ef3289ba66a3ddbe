"""Programs in trouble: boxes that die or lie, odd values, secrets, and stores that fail."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

import msgspec
import pytest
from tests.runtime.effects.boxes import ACT, Boxes, Second, code, ended, programs
from tests.runtime.rig import Acting, Rig, SlowStore, agent, gives, scripted

from remit.core.errors import JournalError, SandboxBusyError
from remit.core.events import EffectStarted, Event, ProgramEnded, ProgramPaused, Record
from remit.core.limits import Limits
from remit.core.moves import Brief, Made, Strategy, execute
from remit.core.ports import Entry, SessionQuery, SessionRow, Store, ToolContext
from remit.core.programs import Bridge, Result
from remit.core.values import JsonObject, JsonValue
from remit.journal import MemoryJournal, RedactedStore
from remit.runtime import decide, doubted, replay, settle, waiting
from remit.testing import EffectCounter

SECRET = "hunter2-is-a-long-secret"


# -- boxes that die ----------------------------------------------------------------------------------------------------


async def test_a_call_under_way_when_its_program_dies_ends_and_is_not_made_again() -> None:
    acting, going = asyncio.Event(), asyncio.Event()
    counter = EffectCounter(name="act")

    async def slowly(context: ToolContext) -> JsonValue:
        acting.set()
        await going.wait()
        return await counter.call({}, context)

    async def dies(bridge: Bridge) -> Result:
        call = asyncio.ensure_future(bridge("act", {"n": 1}))
        await acting.wait()
        call.cancel()
        await asyncio.wait([call])
        going.set()
        return Result(status="killed", why="its process is gone")

    rig = Rig(sandbox=Boxes(does=dies))
    result = await rig.run(programs(Acting(slowly, effect="once"), "a", "b"))
    assert (result.status, len(counter.lines)) == ("done", 1)
    assert [event for event in await rig.events() if isinstance(event, EffectStarted)]
    first = next(event for event in await rig.events() if isinstance(event, ProgramEnded))
    assert (first.status, [outcome.status for outcome in await rig.outcomes()]) == ("killed", ["ok"])


async def test_a_call_that_a_dead_program_made_and_nobody_allows_suspends_the_run() -> None:
    async def dies(bridge: Bridge) -> Result:
        call = asyncio.ensure_future(bridge("act", {"n": 2}))
        await asyncio.sleep(0)
        call.cancel()
        await asyncio.wait([call])
        return Result(status="killed", why="its process is gone")

    rig = Rig(sandbox=Boxes(does=dies))
    declared = programs(Acting(gives(1), effect="once"), "a", guards=[Second()])
    assert (await rig.run(declared)).status == "waiting"
    assert len(waiting(await rig.state())) == 1


async def test_a_run_that_is_cancelled_leaves_no_call_of_its_program_under_way() -> None:
    acting, cut = asyncio.Event(), asyncio.Event()

    async def for_ever(context: ToolContext) -> JsonValue:
        acting.set()
        try:
            return await asyncio.Future()
        finally:
            cut.set()

    boxes = Boxes()
    rig = Rig(sandbox=boxes)
    session = await rig.open(programs(Acting(for_ever), code({"n": 1})), "go")
    driving = asyncio.create_task(session.run())
    await acting.wait()
    driving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await driving
    assert cut.is_set()
    assert boxes.closed == 1


async def test_a_box_that_is_gone_after_its_program_has_no_files_and_breaks_nothing() -> None:
    async def late(bridge: Bridge) -> Result:
        return Result(status="timeout", why="more than 1 s")

    rig = Rig(sandbox=Boxes(does=late, lost=True))
    result = await rig.run(programs(Acting(gives(1)), "a"))
    assert result.output == ["timeout", None, []]


async def test_a_box_that_is_killed_before_its_program_is_where_it_was_does_not_end_the_run() -> None:
    async def dies(bridge: Bridge) -> Result:
        return Result(status="killed", why="the box was closed")

    rig = Rig(sandbox=(boxes := Boxes()))
    act = Acting(gives(1), effect="once")
    declared = programs(act, code({"n": 1}, {"n": 2}), guards=[Second()])
    await rig.run(declared)
    await decide(rig.store, "s", "", granted=True, by="ann")
    boxes.does = dies
    with pytest.raises(SandboxBusyError, match="the box was closed; resume the run"):
        await rig.resume(declared)
    boxes.does = None
    assert (await rig.resume(declared)).status == "done"
    assert (len(act.seen), boxes.closed) == (2, 3)


async def test_a_file_that_is_larger_than_its_box_said_is_not_kept() -> None:
    rig = Rig(sandbox=Boxes(files={"big": b"x" * 101, "small": b"y"}, claims={"big": -(10**12)}))
    await rig.run(programs(Acting(gives(1)), code()))
    assert [part.name for part in (await ended(rig)).artefacts] == ["small"]


async def test_a_name_says_nothing_of_a_file_but_its_ending() -> None:
    names = ("data:text/html\r\nX: y,a", "data:evil;x,b", "c.png", "http:d.csv", "\udcff.txt", "../../e.json")
    rig = Rig(sandbox=Boxes(files=dict.fromkeys(names, b"1")))
    await rig.run(programs(Acting(gives(1)), code()))
    parts = {part.name: part.media for part in (await ended(rig)).artefacts}
    assert parts == {
        "data:text/html\r\nX: y,a": "application/octet-stream",
        "data:evil;x,b": "application/octet-stream",
        "c.png": "image/png",
        "http:d.csv": "text/csv",
        "?.txt": "text/plain",
        "../../e.json": "application/json",
    }


# -- texts and values --------------------------------------------------------------------------------------------------


async def test_code_and_inputs_reach_the_box_as_the_journal_could_hold_them() -> None:
    rig = Rig(sandbox=(boxes := Boxes()))
    inputs: JsonObject = {"odd": "a\ud800", "none": float("nan"), "huge": 2**70}
    declared = programs(Acting(gives(1)), '[{"n": "\ud800"}]', inputs=inputs)
    boxes.changes = code()
    assert (await rig.run(declared)).status == "done"
    ((text, given),) = boxes.given
    assert text == '[{"n": "?"}]'
    assert given == {"odd": "a?", "none": "nan", "huge": str(2**70)}
    (found,) = await replay(await rig.store.read("s"), declared, rig.world(declared))
    assert found.divergence == ""


async def test_values_that_no_journal_holds_are_made_fit_and_a_replay_finds_the_same() -> None:
    async def odd(bridge: Bridge) -> Result:
        answer = await bridge("act", {"n": float("nan"), "to_": "\ud800"})
        return Result(status="ok", value=[float("inf"), "\udfff", 2**80, answer], printed="\ud800", error="\ud800")

    rig = Rig(sandbox=Boxes(does=odd))
    declared = programs(Acting(gives(float("nan"))), "a")
    result = await rig.run(declared)
    assert result.output == ["ok", ["inf", "?", str(2**80), "nan"], [[{"n": "nan", "to": "?"}, "ok"]]]
    (found,) = await replay(await rig.store.read("s"), declared, rig.world(declared))
    assert found.divergence == ""


async def test_no_half_of_a_secret_is_left_where_a_text_was_cut() -> None:
    async def prints(bridge: Bridge) -> Result:
        text = "x" * (4000 - len(SECRET) // 2) + SECRET + "y" * 40_000
        return Result(status="error", printed=text, error=text)

    rig = Rig(sandbox=Boxes(does=prints))
    rig.secrets.register("key", SECRET)
    await rig.run(programs(Acting(gives(1)), "a"))
    last = await ended(rig)
    assert SECRET[:8] not in last.printed
    assert SECRET[:8] not in last.error


@pytest.mark.parametrize("keeps", [True, False])
async def test_secrets_in_a_program_stay_out_of_all_that_is_stored_and_it_goes_on(keeps: bool) -> None:  # noqa: FBT001
    inner = MemoryJournal()
    rig = Rig(sandbox=(boxes := Boxes(keeps=keeps)))
    rig.secrets.register("key", SECRET)
    rig.store = RedactedStore(inner, rig.secrets)
    boxes.files = {"a.txt": SECRET.encode()}
    act = Acting(gives({"token": SECRET}), effect="once")
    text = code({"n": 1, "to_": SECRET}, {"n": 2, "to_": SECRET}, {"n": 3})
    declared = programs(act, text, guards=[Second()], inputs={"key": SECRET})
    assert (await rig.run(declared)).status == "waiting"
    await decide(rig.store, "s", "", granted=True, by="ann")
    assert (await rig.resume(declared)).status == "done"
    assert [args["n"] for args in act.seen] == [1, 2, 3]
    records = await inner.read("s")
    assert SECRET.encode() not in msgspec.msgpack.encode([record.event for record in records])
    for part in (await ended(rig)).artefacts:
        assert SECRET.encode() not in await inner.get(part.blob)
    (found,) = await replay(records, declared, rig.world(declared))
    assert found.divergence == ""


# -- stores that fail --------------------------------------------------------------------------------------------------


@dataclass
class Faltering:
    """A store of which one write fails, before or after it landed, and then works again."""

    store: Store
    at: int
    landed: bool
    writes: int = 0

    async def append(self, session: str, events: Sequence[Event], *, after: int, entries: Sequence[Entry] = ()) -> int:
        """See `Journal.append`."""
        due = self._due()
        if due and not self.landed:
            raise JournalError("the disk is full")
        tail = await self.store.append(session, events, after=after, entries=entries)
        if due:
            raise JournalError("nobody knows")
        return tail

    def _due(self) -> bool:
        self.writes += 1
        return self.writes == self.at

    async def read(self, session: str, *, after: int = 0) -> list[Record]:
        """See `Journal.read`."""
        return await self.store.read(session, after=after)

    def follow(self, session: str, *, after: int = 0) -> AsyncIterator[Record]:
        """See `Journal.follow`."""
        return self.store.follow(session, after=after)

    async def put(self, body: bytes) -> str:
        """See `Blobs.put`."""
        if self._due():
            raise JournalError("the disk is full")
        return await self.store.put(body)

    async def get(self, blob: str) -> bytes:
        """See `Blobs.get`."""
        return await self.store.get(blob)

    async def sessions(self, query: SessionQuery) -> list[SessionRow]:
        """See `Catalogue.sessions`."""
        return await self.store.sessions(query)

    async def used(self, account: str) -> int:
        """See `Catalogue.used`."""
        return await self.store.used(account)

    async def close(self) -> None:
        """See `Store.close`."""
        await self.store.close()


@pytest.mark.parametrize("landed", [True, False])
@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("at", range(2, 24))
async def test_any_write_may_fail_and_no_call_is_made_twice(at: int, keeps: bool, landed: bool) -> None:  # noqa: FBT001
    inner = MemoryJournal()
    boxes = Boxes(keeps=keeps, files={"a.txt": b"1"})
    counter = EffectCounter(name="act", price=7)
    long = "y" * 50_000

    async def act(context: ToolContext) -> JsonValue:
        await counter.call({}, context)
        return long

    tool = Acting(act, effect="once", options={"price": 7})
    declared = programs(tool, code({"n": 1}, [{"n": 2}, {"n": 3}], {"n": 4}), code({"n": 1}, {"n": 5}),
                        guards=[Second()], limits=Limits(usd=1.0))  # fmt: skip
    rig = Rig(store=Faltering(inner, at, landed), sandbox=boxes)
    with contextlib.suppress(JournalError):
        await rig.run(declared)
    again = Rig(store=rig.store, sandbox=boxes, workers=rig.workers)
    for _ in range(12):
        state = await again.state()
        if state.run is None and not state.inbox:
            break
        for effect in waiting(state):
            await decide(inner, "s", effect.call.id, granted=True, by="ann")
        for effect in doubted(state):
            happened = f"s-{effect.call.id}" in counter.lines
            await settle(inner, "s", effect.call.id, happened=happened, by="ann", output=long if happened else None)
        with contextlib.suppress(JournalError):
            await again.resume(declared)
    last = (await again.state()).last
    assert last is not None
    assert last.status == "done"
    assert len(counter.lines) == len(set(counter.lines)) == 5
    assert len(boxes.opened) == boxes.closed
    (found,) = await replay(await inner.read("s"), declared, again.world(declared))
    assert found.divergence == ""


async def test_an_answer_that_is_lost_while_another_call_waits_stops_the_run_and_keeps_nothing() -> None:
    rig = Rig(sandbox=Boxes(keeps=True))
    lost = Made("act", {"n": 1}, "ok", "head", "00" * 32)
    text = code([{"n": 1}, {"n": 2}])

    def recalls(brief: Brief) -> Strategy:
        yield from execute(text, functions=[ACT], made=[lost])
        return None

    with pytest.raises(JournalError):
        await rig.run(agent(scripted(), Acting(gives(1)), strategy=recalls, guards=[Second()]))
    assert not [event for event in await rig.events() if isinstance(event, ProgramPaused)]


async def test_two_workers_that_race_for_a_session_make_each_call_once() -> None:
    inner = MemoryJournal()
    counter = EffectCounter(name="act")
    declared = programs(counter, code({"n": 1}, {"n": 2}, {"n": 3}, {"n": 4}), guards=[Second()])
    await Rig(store=inner, sandbox=Boxes()).run(declared)
    await decide(inner, "s", "", granted=True, by="ann")
    rigs = [Rig(store=SlowStore(inner, breaths), sandbox=Boxes()) for breaths in (1, 2, 3)]
    sessions = [await rig.load(declared) for rig in rigs]
    results = await asyncio.gather(*(session.run() for session in sessions), return_exceptions=True)
    assert len([one for one in results if not isinstance(one, BaseException)]) == 1, results
    assert len(counter.lines) == len(set(counter.lines)) == 4
    for rig in rigs:
        assert isinstance(rig.sandbox, Boxes)
        assert rig.sandbox.closed == len(rig.sandbox.opened)
