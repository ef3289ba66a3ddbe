"""Loops: a run that goes in circles is warned, asked for an answer and stopped; one that gets on is left alone."""

from collections.abc import Awaitable, Callable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core import events as ev
from remit.core.limits import Limits
from remit.core.messages import Call, Outcome
from remit.core.ports import Alarm, Detector
from remit.core.state import State
from remit.core.values import JsonValue
from remit.policy import LOOP_DETECTORS, Alternation, NoProgress, Repetition

OPENED = ev.SessionOpened("helper", "1", "react@1", {}, "default", ev.Tree("s"), Limits(), {})


class Watched:
    """A session whose events a detector sees as they happen."""

    def __init__(self, detector: Detector) -> None:
        self.state = State()
        self._detector = detector
        self._number = 0
        self.state.apply(OPENED)

    async def happen(self, event: ev.Event) -> Alarm | None:
        self.state.apply(event)
        return await self._detector.see(event, self.state)

    async def run(self) -> None:
        if self.state.run is not None:
            await self.happen(ev.RunEnded(self.state.runs, "done"))
        assert await self.happen(ev.RunOpened(self.state.runs + 1, "react@1", "w", 0)) is None

    async def call(self, tool: str, output: JsonValue = "ok", *, branch: str = "", **args: JsonValue) -> Alarm | None:
        """Let a model ask for a call and let the call end."""
        return await self.end(await self.want(tool, branch=branch, **args), output)

    async def want(self, tool: str, *, branch: str = "", **args: JsonValue) -> str:
        self._number += 1
        step = f"{branch}.{self._number}" if branch else str(self._number)
        made = Call(tool, args, f"{step}_0")
        await self.happen(ev.ModelAsked(step))
        await self.happen(ev.ModelAnswered(step, "", (made,)))
        await self.happen(ev.EffectStarted(made.id))
        return made.id

    async def make(self, tool: str, name: str) -> Alarm | None:
        """Let a strategy make a call and let the call end."""
        await self.happen(ev.EffectStarted(name, made=Call(tool, {}, name)))
        return await self.end(name)

    async def end(self, call: str, output: JsonValue = "ok", blob: str = "") -> Alarm | None:
        return await self.happen(ev.EffectEnded(Outcome(call, output=output, blob=blob)))

    async def say(self, text: str, *, branch: str = "", alone: bool = False) -> Alarm | None:
        self._number += 1
        step = f"{branch}.{self._number}" if branch else str(self._number)
        await self.happen(ev.ModelAsked(step, alone=alone))
        return await self.happen(ev.ModelAnswered(step, text))


async def watch(detector: Detector) -> Watched:
    watched = Watched(detector)
    await watched.run()
    return watched


def levels(alarms: Sequence[Alarm | None]) -> list[str]:
    return [alarm.level if alarm else "" for alarm in alarms]


# -- repetition --------------------------------------------------------------------------------------------------------


async def test_the_fourth_identical_call_with_the_same_result_warns_then_demands_an_answer_then_stops() -> None:
    watched = await watch(Repetition())
    alarms = [await watched.call("search", {"hits": []}, q="remit") for _ in range(7)]
    assert levels(alarms) == ["", "", "", "warn", "answer", "stop", "stop"]
    assert alarms[3] == Alarm(
        "repetition", "warn", "`search` was called 4 times with the same arguments and the same result"
    )


async def test_another_result_starts_the_count_anew() -> None:
    watched = await watch(Repetition())
    outputs = ["building", "building", "building", "ready", "ready", "ready"]
    assert levels([await watched.call("status", output) for output in outputs]) == [""] * 6


async def test_calls_that_come_between_do_not_hide_a_repetition() -> None:
    watched = await watch(Repetition(3))
    alarms: list[Alarm | None] = []
    for number in range(3):
        await watched.call("other", number=number)
        alarms.append(await watched.call("search", q="remit"))
    assert levels(alarms) == ["", "", "warn"]


async def test_the_order_of_arguments_does_not_matter_and_their_values_do() -> None:
    watched = await watch(Repetition(2))
    assert await watched.call("t", a=1, b=2) is None
    assert await watched.call("t", a=1, b=3) is None
    assert await watched.call("t", b=2, a=1) is not None


async def test_large_results_are_compared_by_their_blob() -> None:
    watched = await watch(Repetition(2))
    assert await watched.end(await watched.want("t"), "head", "aa") is None
    assert await watched.end(await watched.want("t"), "head", "bb") is None
    assert await watched.end(await watched.want("t"), "head", "bb") is not None


async def test_a_new_run_starts_from_nothing() -> None:
    for detector in (Repetition(2), Alternation(rounds=2)):
        watched = await watch(detector)
        for tool in "abab":
            await watched.call(tool)
        await watched.run()
        assert levels([await watched.call(tool) for tool in "ab"]) == ["", ""]
        assert "warn" in levels([await watched.call(tool) for tool in "ab"])


async def test_only_the_latest_calls_are_remembered() -> None:
    watched = await watch(Repetition(2, memory=3))
    assert levels([await watched.call(tool) for tool in "abcda"]) == [""] * 5
    assert await watched.call("d") is not None


async def test_branches_of_a_fork_may_do_the_same() -> None:
    for detector in (Repetition(), Alternation()):
        watched = await watch(detector)
        alarms = [await watched.call(tool, branch=f"1.{n}") for tool in "ab" for n in range(6)]
        assert levels(alarms) == [""] * 12


async def test_calls_that_a_strategy_makes_itself_belong_to_their_branch_too() -> None:
    for detector in (Repetition(), Alternation()):
        watched = await watch(detector)
        alarms = [await watched.make(tool, f"c1_1_{n}_{move}_0") for move, tool in enumerate("ab") for n in range(6)]
        assert levels(alarms) == [""] * 12
        found = [await watched.make(tool, f"c1_{move}_0") for move, tool in enumerate("ababab" + "aa")]
        assert "warn" in levels(found), "the run itself still goes in circles"


async def test_calls_of_a_run_that_is_over_by_now_are_nobodys_loop() -> None:
    for detector in (Repetition(1), Alternation(), NoProgress(embed({}), window=1)):
        over = State.fold([OPENED])
        assert await detector.see(ev.EffectEnded(Outcome("1_0")), over) is None
        assert await detector.see(ev.ModelAnswered("1", "hm"), over) is None


# -- alternation -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cycle", ["ab", "abc", "abcd", "aab"])
async def test_a_cycle_of_calls_warns_in_its_third_round_and_once_more_each_round(cycle: str) -> None:
    watched = await watch(Alternation())
    alarms = [await watched.call(tool, number) for number, tool in enumerate(cycle * 6)]
    quiet = [""] * (len(cycle) - 1)
    expected = [*quiet, "", *quiet, "", *quiet, "warn", *quiet, "answer", *quiet, "stop", *quiet, "stop"]
    assert levels(alarms) == expected


@pytest.mark.parametrize("calls", ["aaaaaaaaaaaaa", "abcdeabcdeabcde", "abacabadabae", "ababcabab"])
async def test_what_is_not_a_cycle_of_up_to_four_different_calls_is_left_alone(calls: str) -> None:
    watched = await watch(Alternation())
    assert levels([await watched.call(tool) for tool in calls]) == [""] * len(calls)


async def test_the_reason_says_how_many_calls_came_round() -> None:
    watched = await watch(Alternation(rounds=2))
    *_, alarm = [await watched.call(tool) for tool in "abcabc"]
    assert alarm == Alarm("alternation", "warn", "the same 3 calls came round 2 times")


async def test_many_branches_do_not_fill_the_memory() -> None:
    watched = await watch(Alternation(rounds=2))
    for number in range(100):
        await watched.call("a", branch=f"1.{number}")
    await watched.call("b", branch="1.0")
    assert levels([await watched.call(tool, branch="1.0") for tool in "ab"]) == ["", ""]
    assert await watched.call("a", branch="1.0") is not None


# -- no progress -------------------------------------------------------------------------------------------------------


def embed(vectors: dict[str, list[float]]) -> Callable[[Sequence[str]], Awaitable[list[list[float]]]]:
    async def look_up(texts: Sequence[str]) -> list[list[float]]:
        return [vectors[text] for text in texts]

    return look_up


WORDS = embed(
    {
        "look": [1.0, 0.0],
        "check": [2.0, 0.1],
        "fix": [0.0, 1.0],
        "test": [-1.0, 0.0],
        "": [1.0, 0.0],
        "zero": [0.0, 0.0],
    }
)


async def test_thoughts_that_mean_the_same_warn_when_they_fill_half_the_window() -> None:
    watched = await watch(NoProgress(WORDS, window=4))
    alarms = [await watched.say(text) for text in ("look", "fix", "test", "check", "look", "check", "look")]
    assert levels(alarms) == ["", "", "", "warn", "answer", "stop", "stop"]
    assert alarms[3] == Alarm("no_progress", "warn", "2 of the last 4 thoughts mean the same")


async def test_different_thoughts_are_progress() -> None:
    watched = await watch(NoProgress(WORDS, window=3))
    assert levels([await watched.say(text) for text in ("look", "fix", "test", "look", "fix", "test")]) == [""] * 6


async def test_silence_and_questions_aside_are_not_thoughts() -> None:
    watched = await watch(NoProgress(WORDS, window=2))
    assert levels([await watched.say("") for _ in range(3)]) == [""] * 3
    assert levels([await watched.say("look", alone=True) for _ in range(3)]) == [""] * 3


async def test_branches_may_think_alike() -> None:
    watched = await watch(NoProgress(WORDS, window=2))
    assert levels([await watched.say("look", branch=f"1.{n}") for n in range(3)]) == [""] * 3
    assert await watched.say("check", branch="1.0") is not None


async def test_thoughts_of_the_last_run_are_forgotten_and_no_vector_equals_nothing() -> None:
    watched = await watch(NoProgress(WORDS, window=3))
    await watched.say("look")
    await watched.say("look")
    await watched.run()
    assert levels([await watched.say(text) for text in ("look", "zero", "zero")]) == [""] * 3


# -- laws --------------------------------------------------------------------------------------------------------------


def test_agents_are_watched_for_repetition_and_alternation_by_default() -> None:
    made: list[Detector] = [make() for make in LOOP_DETECTORS]
    assert [type(detector) for detector in made] == [Repetition, Alternation]


@given(calls=st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 1)), max_size=30), times=st.integers(1, 4))
async def test_repetition_alarms_exactly_when_the_latest_results_of_a_call_agree(
    calls: list[tuple[str, int]], times: int
) -> None:
    watched = await watch(Repetition(times))
    results: dict[str, list[int]] = {}
    for tool, result in calls:
        alarm = await watched.call(tool, result)
        latest = results.setdefault(tool, [])
        latest.append(result)
        assert (alarm is not None) == (len(latest) >= times and len(set(latest[-times:])) == 1)
