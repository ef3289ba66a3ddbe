"""Programs: their calls pass the gateway, none is made twice after a crash, and a kept one goes on where it was."""

import contextlib
from collections.abc import Sequence
from typing import Literal

import msgspec
import pytest
from tests.runtime.effects.boxes import ACT, Boxes, code
from tests.runtime.rig import Acting, Rig, agent, gives, scripted

from remit.core.agent import Agent
from remit.core.errors import ConfigError, JournalError, RejectedError, SandboxBusyError
from remit.core.events import EffectInDoubt, MessageReceived, Noted, ProgramEnded, ProgramPaused
from remit.core.limits import Limits
from remit.core.messages import Call
from remit.core.moves import Ask, Brief, Made, Strategy, execute, note, run
from remit.core.ports import ALLOW, Guard, ToolSpec, Verdict
from remit.core.programs import Bounds, SandboxPolicy
from remit.core.state import State
from remit.journal import MemoryJournal
from remit.runtime import decide, replay, waiting
from remit.runtime.effects.programs import shortened
from remit.testing import EffectCounter
from remit.testing.crash import Died, DyingStore


def runs(
    program: str, act: Acting | EffectCounter, *, guards: Sequence[Guard] = (), limits: Limits | None = None
) -> Agent:
    """Declare an agent that runs one program and gives what came of it."""

    def one(brief: Brief) -> Strategy:
        ran = yield from execute(program, functions=[ACT], policy=SandboxPolicy(bounds=Bounds(disk=100)))
        return msgspec.to_builtins(
            {"status": ran.status, "value": ran.value, "why": ran.why, "tier": ran.tier, "made": [
                [made.tool, made.args, made.status, made.output] for made in ran.made
            ], "artefacts": [part.name for part in ran.artefacts]}
        )  # fmt: skip

    return agent(scripted(), act, strategy=one, guards=guards, limits=limits)


def box_rig(boxes: Boxes | None = None) -> tuple[Rig, Boxes]:
    boxes = boxes or Boxes()
    return Rig(sandbox=boxes), boxes


async def program_ended(rig: Rig) -> ProgramEnded:
    (ended,) = [event for event in await rig.events() if isinstance(event, ProgramEnded)]
    return ended


async def test_calls_of_a_program_are_effects_like_any_other_and_it_is_given_their_answers() -> None:
    rig, boxes = box_rig()
    act = Acting(gives({"paid": 1}))
    result = await rig.run(runs(code({"n": 1}, {"n": 2, "to_": "bob"}), act))
    assert act.seen == [{"n": 1}, {"n": 2, "to": "bob"}]
    assert result.output == {
        "status": "ok",
        "value": [{"paid": 1}, {"paid": 1}],
        "why": "",
        "tier": "interpreter",
        "made": [["act", {"n": 1}, "ok", {"paid": 1}], ["act", {"n": 2, "to": "bob"}, "ok", {"paid": 1}]],
        "artefacts": [],
    }
    assert await rig.kinds() == [
        "SessionOpened", "MessageReceived", "RunOpened", "ProgramStarted",
        "EffectStarted", "EffectEnded", "EffectStarted", "EffectEnded", "ProgramEnded", "RunEnded",
    ]  # fmt: skip
    assert [outcome.call for outcome in await rig.outcomes()] == ["c1_0_0_0_0", "c1_0_1_0_0"]
    assert boxes.closed == 1
    assert boxes.opened[0].bounds.disk == 100


async def test_what_a_program_prints_is_kept_with_its_middle_cut_out() -> None:
    rig, _ = box_rig()
    await rig.run(runs(code(), Acting(gives(1))))
    printed = (await program_ended(rig)).printed
    assert "[... 24,000 characters were cut here ...]" in printed
    assert len(printed) < 16_100
    assert shortened("short") == "short"


async def test_a_call_that_fails_is_an_exception_in_the_program_and_a_simulated_one_an_answer() -> None:
    rig, _ = box_rig()
    failing = await rig.run(runs(code({"n": 1}), Acting(gives(RejectedError("no paper")))))
    assert isinstance(failing.output, dict)
    assert failing.output["value"] == ["caught no paper"]


async def test_a_program_is_given_the_whole_of_an_answer_that_went_to_a_blob() -> None:
    rig, _ = box_rig()
    long = {"text": "y" * 50_000}
    result = await rig.run(runs(code({"n": 1}), Acting(gives(long))))
    assert isinstance(result.output, dict)
    assert result.output["value"] == [long]
    assert (await rig.outcomes())[0].blob


@pytest.mark.parametrize("keeps", [True, False])
async def test_a_program_waits_for_a_person_and_then_goes_on_without_making_a_call_again(keeps: bool) -> None:  # noqa: FBT001
    rig, boxes = box_rig(Boxes(keeps=keeps))
    act = Acting(gives("sent"), effect="once")
    declared = runs(code({"n": 1}, {"n": 2}, {"n": 3}), act, guards=[Second()])
    waits = await rig.run(declared)
    assert (waits.status, act.seen, boxes.closed) == ("waiting", [{"n": 1}], 1)
    assert [effect.call.args for effect in waiting(await rig.state())] == [{"n": 2}]
    assert (await rig.resume(declared)).status == "waiting"
    await decide(rig.store, "s", granted=True, by="ann", call="")
    done = await rig.resume(declared)
    assert done.status == "done", done
    assert isinstance(done.output, dict)
    assert done.output["value"] == ["sent"] * 3
    assert act.seen == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert boxes.resumed == (2 if keeps else 0)
    paused = [event for event in await rig.events() if isinstance(event, ProgramPaused)]
    assert [(event.calls, event.waiting) for event in paused] == ([(2, (1,))] * 2 if keeps else [])
    assert [
        len(found.divergence) for found in await replay(await rig.store.read("s"), declared, rig.world(declared))
    ] == [0]


class Second:
    """Asks before the call with the number 2."""

    def check(self, call: Call, spec: ToolSpec, state: State) -> Verdict:
        return Verdict("ask", "second") if call.args.get("n") == 2 else ALLOW


async def test_a_program_that_cannot_be_taken_up_as_it_was_kept_is_run_again_over_its_calls() -> None:
    rig, boxes = box_rig(Boxes(keeps=True))
    act = Acting(gives("sent"), effect="once")
    declared = runs(code({"n": 1}, {"n": 2}), act, guards=[Second()])
    await rig.run(declared)
    boxes.keeps = False
    await decide(rig.store, "s", "", granted=True, by="ann")
    assert (await rig.resume(declared)).status == "done"
    assert (act.seen, boxes.resumed) == ([{"n": 1}, {"n": 2}], 0)


@pytest.mark.parametrize("keeps", [True, False])
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("at", range(1, 9))
async def test_a_process_may_die_at_any_append_and_no_call_is_made_twice(
    at: int,
    moment: Literal["before", "after"],
    keeps: bool,  # noqa: FBT001
) -> None:
    store = MemoryJournal()
    act = EffectCounter(name="act")
    declared = runs(code({"n": 1}, {"n": 2}, {"n": 3}), act)
    dying = Rig(store=DyingStore(store, at, moment), sandbox=Boxes(keeps=keeps))
    with contextlib.suppress(Died):
        await dying.run(declared)
    again = Rig(store=store, sandbox=Boxes(keeps=keeps))
    records = await store.read("s")
    if not any(isinstance(record.event, MessageReceived) for record in records):
        return
    result = await again.resume(declared)
    assert result.status in {"done", "waiting"}, result
    if result.status == "waiting":
        # Nobody can say whether the call in flight happened; it is not made again by itself.
        assert sum(isinstance(event, EffectInDoubt) for event in await again.events()) == 1
    assert len(act.lines) == len(set(act.lines)), act.lines


async def test_a_program_that_does_other_things_when_it_runs_again_diverges() -> None:
    rig, boxes = box_rig()
    act = Acting(gives("sent"), effect="once")
    first = runs(code({"n": 1}, {"n": 2}), act, guards=[Second()])
    await rig.run(first)
    boxes.changes = code({"n": 5}, {"n": 2})
    other = await rig.resume(first)
    assert other.status == "diverged"
    assert "act({'n': 1})" in other.reason
    assert act.seen == [{"n": 1}]


async def test_a_program_that_leaves_a_recorded_call_out_diverges() -> None:
    rig, boxes = box_rig()
    act = Acting(gives("sent"), effect="once")
    declared = runs(code({"n": 1}, {"n": 2}), act, guards=[Second()])
    await rig.run(declared)
    boxes.changes = code({"n": 1})
    result = await rig.resume(declared)
    assert (result.status, "a call of act by a program" in result.reason) == ("diverged", True)


async def test_another_program_at_the_same_step_diverges_live_and_in_a_replay() -> None:
    rig, _ = box_rig()
    act = Acting(gives("sent"))
    declared, other = runs(code({"n": 2}), act, guards=[Second()]), runs(code({"n": 3}), act, guards=[Second()])
    await rig.run(declared)
    (found,) = await replay(await rig.store.read("s"), other, rig.world(other))
    assert "another program" in found.divergence
    result = await rig.resume(other)
    assert (result.status, "another program" in result.reason) == ("diverged", True)


async def test_a_replay_ends_where_a_program_still_runs_and_finds_what_a_strategy_no_longer_does() -> None:
    rig, _ = box_rig()
    declared = runs(code({"n": 2}), Acting(gives("sent")), guards=[Second()])
    await rig.run(declared)
    records = await rig.store.read("s")
    (found,) = await replay(records, declared, rig.world(declared))
    assert (found.divergence, found.moves) == ("", 1)
    lazy = agent(scripted(), Acting(gives("sent")), strategy=notes)
    (lost,) = await replay(records, lazy, rig.world(lazy))
    assert "the journal holds a program" in lost.divergence
    asking = agent(scripted(), Acting(gives("sent")), strategy=asks)
    (asked,) = await replay(records, asking, rig.world(asking))
    assert "a program" in asked.divergence


def notes(brief: Brief) -> Strategy:
    yield from note("plan", "none")
    return None


def asks(brief: Brief) -> Strategy:
    yield Ask("well?")
    return None


async def test_a_replay_of_a_finished_run_finds_a_program_that_was_a_note() -> None:
    rig, _ = box_rig()
    await rig.run(agent(scripted(), Acting(gives(1)), strategy=notes))
    declared = runs(code(), Acting(gives(1)))
    (found,) = await replay(await rig.store.read("s"), declared, rig.world(declared))
    assert "a note" in found.divergence
    records = [record for record in await rig.store.read("s") if not isinstance(record.event, Noted)]
    (longer,) = await replay(records, declared, rig.world(declared))
    assert "wants more: step 0: a program" in longer.divergence


async def test_files_are_kept_as_far_as_the_bounds_allow_and_a_lying_list_harms_nobody() -> None:
    files = {"a.png": b"p" * 40, "b.csv": b"1,2", "c.bin": b"c" * 80}
    rig, _ = box_rig(Boxes(files=files, claims={"gone": 1, "huge": 10**12}))
    result = await rig.run(runs(code(), Acting(gives(1))))
    assert isinstance(result.output, dict)
    assert result.output["artefacts"] == ["a.png", "b.csv"]
    parts = (await program_ended(rig)).artefacts
    assert [(part.media, part.size) for part in parts] == [("image/png", 40), ("text/csv", 3)]
    assert await rig.store.get(parts[0].blob) == files["a.png"]


async def test_a_program_for_which_there_is_no_room_ends_and_one_below_policy_is_refused() -> None:
    rig, _ = box_rig(Boxes(refuses=SandboxBusyError("all boxes are taken")))
    result = await rig.run(runs(code(), Acting(gives(1))))
    assert isinstance(result.output, dict)
    assert (result.output["status"], result.output["why"]) == ("busy", "all boxes are taken")
    rig, _ = box_rig(Boxes(refuses=ConfigError("install it")))
    with pytest.raises(ConfigError, match="install it"):
        await rig.run(runs(code(), Acting(gives(1))))
    with pytest.raises(ConfigError, match="no program can run here"):
        await Rig().run(runs(code(), Acting(gives(1))))


async def test_a_run_that_may_make_no_further_step_begins_no_program() -> None:
    rig, boxes = box_rig()

    def twice(brief: Brief) -> Strategy:
        yield from execute(code({"n": 1}), functions=[ACT])
        yield from execute(code({"n": 2}), functions=[ACT])
        return "done"

    act = Acting(gives(1))
    result = await rig.run(agent(scripted(), act, strategy=twice, limits=Limits(steps=2)))
    assert (result.status, act.seen, len(boxes.opened)) == ("stopped", [{"n": 1}], 1)


@pytest.mark.parametrize("keeps", [True, False])
async def test_of_calls_made_at_the_same_time_only_those_that_waited_are_made_again(keeps: bool) -> None:  # noqa: FBT001
    rig, _ = box_rig(Boxes(keeps=keeps))
    act = Acting(gives("sent"), effect="once")
    declared = runs(code([{"n": 1}, {"n": 2}, {"n": 3}, {"n": 2}], {"n": 4}), act, guards=[Second()])
    assert (await rig.run(declared)).status == "waiting"
    first = sorted(str(args) for args in act.seen)
    for effect in waiting(await rig.state()):
        await decide(rig.store, "s", effect.call.id, granted=True, by="ann")
    result = await rig.resume(declared)
    while result.status == "waiting":
        for effect in waiting(await rig.state()):
            await decide(rig.store, "s", effect.call.id, granted=True, by="ann")
        result = await rig.resume(declared)
    assert result.status == "done", result
    assert "{'n': 1}" in first
    assert sorted(args["n"] for args in act.seen) == [1, 2, 2, 3, 4]  # pyright: ignore[reportArgumentType]
    assert isinstance(result.output, dict)
    assert len(result.output["made"]) == 5  # pyright: ignore[reportArgumentType]


async def test_a_program_that_has_ended_is_not_run_again_when_its_run_goes_on() -> None:
    rig, boxes = box_rig()

    def then_asks(brief: Brief) -> Strategy:
        ran = yield from execute(code({"n": 1}), functions=[ACT])
        outcomes = yield from run([Call("act", {"n": 2})])
        return [ran.value, outcomes[0].status]

    act = Acting(gives("sent"), effect="once")
    declared = agent(scripted(), act, strategy=then_asks, guards=[Second()])
    await rig.run(declared)
    await decide(rig.store, "s", "", granted=False, by="ann")
    result = await rig.resume(declared)
    assert (result.output, len(boxes.opened)) == ([["sent"], "denied"], 1)
    assert [found.divergence for found in await replay(await rig.store.read("s"), declared, rig.world(declared))] == [
        ""
    ]


async def test_a_program_with_calls_behind_it_waits_for_a_box() -> None:
    rig, boxes = box_rig()
    act = Acting(gives("sent"), effect="once")
    declared = runs(code({"n": 1}, {"n": 2}), act, guards=[Second()])
    await rig.run(declared)
    await decide(rig.store, "s", "", granted=True, by="ann")
    boxes.refuses = SandboxBusyError("all boxes are taken")
    with pytest.raises(SandboxBusyError):
        await rig.resume(declared)
    boxes.refuses = None
    assert (await rig.resume(declared)).status == "done"
    assert act.seen == [{"n": 1}, {"n": 2}]


async def test_a_denied_call_is_an_exception_in_the_program() -> None:
    rig, _ = box_rig()
    declared = runs(code({"n": 2}), Acting(gives("sent")), guards=[Second()])
    await rig.run(declared)
    await decide(rig.store, "s", "", granted=False, by="ann")
    result = await rig.resume(declared)
    assert isinstance(result.output, dict)
    assert result.output["value"] == ["caught not allowed: ann said no"]


@pytest.mark.parametrize("keeps", [True, False])
async def test_a_program_that_was_put_right_makes_no_call_again_that_went_well(keeps: bool) -> None:  # noqa: FBT001
    rig, _ = box_rig(Boxes(keeps=keeps))
    long = "y" * 50_000
    act = Acting(gives(long), effect="once")

    def mends(brief: Brief) -> Strategy:
        first = yield from execute(code({"n": 1}, {"n": 1}, {"n": 7}), functions=[ACT])
        again = yield from execute(
            code({"n": 1}, {"n": 2}, {"n": 1}, {"n": 1}, {"n": 7}), functions=[ACT], made=first.made
        )
        return [again.value == [long] * 5, len(again.made)]

    declared = agent(scripted(), act, strategy=mends, guards=[Second()])
    assert (await rig.run(declared)).status == "waiting"
    await decide(rig.store, "s", "", granted=True, by="ann")
    result = await rig.resume(declared)
    assert result.output == [True, 2]
    assert [args["n"] for args in act.seen] == [1, 1, 7, 2, 1]
    assert [found.divergence for found in await replay(await rig.store.read("s"), declared, rig.world(declared))] == [
        ""
    ]


async def test_an_answer_that_is_lost_stops_the_run_and_not_the_program() -> None:
    rig, _ = box_rig()
    lost = Made("act", {"n": 1}, "ok", "head", "00" * 32)

    def recalls(brief: Brief) -> Strategy:
        yield from execute(code({"n": 1}, {"n": 2}), functions=[ACT], made=[lost])
        return None

    with pytest.raises(JournalError):
        await rig.run(agent(scripted(), Acting(gives(1)), strategy=recalls))
