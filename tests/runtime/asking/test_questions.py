"""Questions: what is offered, what comes back in which shape, and what is held while branches ask at the same time."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from tests.runtime.rig import Rig, SlowStore, Thinking, agent, laid_open, scripted

from remit.core.errors import OverloadedError
from remit.core.events import EffectEnded, Event, Level, ModelAsked, ModelFailed
from remit.core.messages import AssistantMessage, Call, Usage, UserMessage
from remit.core.moves import Answer, Brief, Strategy, ask, fork, run
from remit.core.ports import Alarm, Delta, Emit, ModelSpec, Reply, Request
from remit.core.shape import shape
from remit.core.state import State
from remit.core.values import JsonValue
from remit.journal import MemoryJournal
from remit.models import FlatPrice
from remit.runtime.briefing import brief
from remit.runtime.replaying.due import due, skipped
from remit.runtime.session import answered as answered_before_sleep
from remit.runtime.session import drifted
from remit.testing import EffectCounter, ScriptedModel, calls, says, use
from remit.testing.crash import Died

TEXT = "long " * 400


async def answered(rig: Rig, reply: Reply, *, tools: Sequence[str] | None = None, shaped: bool = False) -> Answer:
    """Give what a strategy gets for one answer."""
    found: list[Answer] = []

    def asks(brief: Brief) -> Strategy:
        found.append((yield from ask(tools=tools, shape=shape(dict[str, int]) if shaped else None)))
        return "x"

    await rig.run(agent(scripted(reply), EffectCounter("read"), EffectCounter("read", name="other"), strategy=asks))
    return found[0]


@pytest.mark.parametrize(
    ("reply", "value", "problem"),
    [
        (says('{"n": 1}'), {"n": 1}, ""),
        (says('```json\n{"n": 1}\n```'), {"n": 1}, ""),
        (says("no"), None, "the answer is not JSON: "),
        (says('{"n": "x"}'), None, "the answer does not have the asked shape: Expected `int`, got `str`"),
        (Reply('{"n": 1', stop="length"), None, "the answer is not JSON: the JSON is cut off"),
        (Reply('{"n": [true]', stop="length"), None, "the answer was cut off at its length"),
        (says("", use("effect")), None, ""),
    ],
)
async def test_an_answer_is_read_into_its_shape_or_says_why_not(
    rig: Rig, reply: Reply, value: object, problem: str
) -> None:
    answer = await answered(rig, reply, shaped=True)
    assert answer.value == value
    assert answer.problem.startswith(problem)
    assert bool(answer.problem) == bool(problem)


async def test_a_call_that_is_not_on_offer_here_says_what_is(rig: Rig) -> None:
    answer = await answered(rig, calls(use("other")), tools=["effect"])
    assert answer.calls[0].problem == "'other' is not on offer here; there are: effect"


async def test_a_call_with_arguments_cut_off_at_the_length_is_not_made(rig: Rig) -> None:
    answer = await answered(rig, Reply("", (Call("effect", {}, malformed='{"path": "/a"'),), stop="length"))
    assert answer.calls[0].problem.startswith("the arguments are not a JSON object (")


@pytest.mark.parametrize("levels", [199, 202, 800])
async def test_a_call_whose_arguments_are_nested_too_deeply_is_not_made(rig: Rig, levels: int) -> None:
    args: JsonValue = 1
    for _ in range(levels):
        args = {"in": args}
    assert isinstance(args, dict)
    answer = await answered(rig, says("", Call("effect", args)))
    (call,) = answer.calls
    assert (call.problem == "") == (levels < 200)
    if levels > 200:
        assert (call.args, call.problem) == ({}, "the arguments are nested more than 200 levels deep")


async def test_calls_without_tools_on_offer_are_a_problem(rig: Rig) -> None:
    answer = await answered(rig, says("hm", use("effect")), tools=())
    assert (answer.calls, answer.problem) == ((), "tools were called although none is on offer")


async def test_names_and_arguments_are_made_what_a_journal_can_hold(rig: Rig) -> None:
    odd = Call("eff\udcff", {"a": 2**80, 5: "\udcff"})  # pyright: ignore[reportArgumentType] - what a model may say
    answer = await answered(rig, Reply("", (odd,), reasoning={"raw": "\udcff"}, model="m\udcff"))
    assert (answer.calls[0].tool, answer.calls[0].args) == ("eff?", {"a": str(2**80), "5": "?"})


async def test_a_question_beside_the_conversation_shows_nothing_of_it(rig: Rig) -> None:
    def judges(brief: Brief) -> Strategy:
        yield from ask()
        yield from ask("is it good?", alone=True, role="judge")
        return "work"

    model = ScriptedModel([says("work"), says("yes")], keep=True)
    await rig.run(agent(model, strategy=judges), "secret plan")
    assert [list(request.messages) for request in model.requests] == [
        [UserMessage("secret plan")],
        [UserMessage("is it good?")],
    ]
    assert (await rig.state()).threads[""] == [UserMessage("secret plan"), AssistantMessage("work")]


class Loud:
    """Raises the alarms it is given, one an answer."""

    def __init__(self, levels: list[Level]) -> None:
        self._levels = levels

    sees = frozenset((EffectEnded,))

    async def see(self, event: Event, state: State) -> Alarm | None:
        if type(event).__name__ != "EffectEnded" or not self._levels:
            return None
        return Alarm("loop", self._levels.pop(0), "round and round")


async def test_pressure_becomes_words_then_an_answer_then_an_end(rig: Rig) -> None:
    model = ScriptedModel([calls(use("effect"))] * 9, keep=True)
    levels: list[Level] = ["notice", "warn", "stop"]
    result = await rig.run(replace(agent(model, EffectCounter("read")), detectors=[lambda: Loud(levels)]))
    assert (result.status, "a loop went on" in result.reason) == ("stopped", True)
    assert [len(request.tools) for request in model.requests] == [1, 1, 1]
    last = model.requests[2].messages[-1]
    assert isinstance(last, UserMessage)
    assert last.text.startswith("You are repeating yourself")


async def test_under_pressure_no_tools_are_on_offer(rig: Rig) -> None:
    model = ScriptedModel([calls(use("effect")), says("fine")], keep=True)
    levels: list[Level] = ["answer"]
    result = await rig.run(replace(agent(model, EffectCounter("read")), detectors=[lambda: Loud(levels)]))
    assert result.output == "fine"
    assert [len(request.tools) for request in model.requests] == [1, 0]


async def test_a_question_that_was_buried_before_a_second_crash_is_asked_again(rig: Rig) -> None:
    with pytest.raises(KeyboardInterrupt):
        await rig.run(agent(scripted(KeyboardInterrupt())))
    length = len(await rig.events())
    await rig.store.append("s", [ModelFailed("0", "the worker died")], after=length)
    assert (await rig.resume(agent(scripted(says("x"))))).output == "x"


# -- at the same time --------------------------------------------------------------------------------------------------


def talks(brief: Brief) -> Strategy:
    """Three branches that each say something long, twice."""

    def branch(number: int) -> Strategy:
        yield from ask(f"{number} first")
        yield from ask(f"{number} second")
        yield from run([Call("effect", {"n": number})])
        return number

    yield from fork([branch(1), branch(2), branch(3)])
    return "x"


@pytest.mark.parametrize("breaths", range(1, 9))
async def test_what_was_said_a_moment_ago_counts_for_what_the_next_question_may_cost(breaths: int) -> None:
    """Answers come in while another branch's intent is being written."""
    rig = Rig(store=SlowStore(MemoryJournal()))
    model = Thinking(ScriptedModel([says(TEXT)] * 6, price=FlatPrice(1.0, 0.0), usage=Usage(1, 1)), breaths)
    counter = EffectCounter("once")
    session = await rig.open(agent(model, counter, strategy=talks), "go")
    assert (await session.run()).output == "x"
    holds = {event.step: event.hold for event in await rig.events() if isinstance(event, ModelAsked)}
    for branch in range(3):
        assert holds[f"0.{branch}.1"] - holds[f"0.{branch}.0"] > len(TEXT) * 1000
    assert len(counter.called()) == 3
    await rig.check()


async def test_branches_that_came_to_different_places_each_go_on_from_theirs(rig: Rig) -> None:
    def uneven(brief: Brief) -> Strategy:
        def branch(number: int) -> Strategy:
            for place in range(number):
                yield from ask(f"{number}/{place}")
            return number

        results = yield from fork([branch(3), branch(1)])
        return list(results)

    model = ScriptedModel([says("a"), Died(), says("b")])
    with pytest.raises(Died):
        await rig.run(agent(model, strategy=uneven))
    rig.forget()
    model = ScriptedModel([says("d")] * 4)
    result = await rig.resume(agent(model, strategy=uneven))
    assert result.output == [3, 1]
    assert laid_open(rig.living["s"].state)["run"] is None


def test_a_move_is_skipped_only_by_what_comes_after_it_in_its_own_line() -> None:
    recorded = {"2": "", "4.1.3": ""}
    assert skipped("1", recorded) == "2"
    assert skipped("3", {"2": ""}) == ""
    assert skipped("4.0.9", {"4.1.3": ""}) == ""
    assert skipped("4.1.2", {"4.1.3": ""}) == "4.1.3"
    assert skipped("4", {"4.1.3": ""}) == "4.1.3"
    assert skipped("4.1.3", {"4": ""}) == "4"


def test_a_state_without_a_run_has_nothing_due(rig: Rig) -> None:
    assert due(State()) == {}
    assert not answered_before_sleep(State())
    assert drifted(State(), rig.world(agent(scripted()))) == ()


def test_a_preview_says_what_policy_would_say(rig: Rig) -> None:
    told = brief("x", rig.world(agent(scripted(), EffectCounter("read"))))
    assert told.preview(Call("effect", {})) == ""
    assert told.preview(Call("nobody", {})) == ""


async def test_a_question_where_calls_were_recorded_diverges(rig: Rig) -> None:
    def acts(brief: Brief) -> Strategy:
        yield from run([Call("effect", {})])
        yield from ask()
        return "x"

    def asks(brief: Brief) -> Strategy:
        yield from ask()
        return "x"

    asks.__name__ = acts.__name__
    with pytest.raises(KeyboardInterrupt):
        await rig.run(agent(scripted(KeyboardInterrupt()), EffectCounter("once"), strategy=acts))
    result = await rig.resume(agent(scripted(), EffectCounter("once"), strategy=asks))
    assert (result.status, "at step 0" in result.reason) == ("diverged", True)


def test_what_is_on_offer_is_worked_out_once(rig: Rig) -> None:
    world = rig.world(agent(scripted(), EffectCounter("read"), EffectCounter("once", name="other")))
    assert world.offer(None) is world.offer(None)
    assert [spec.name for spec in world.offer(("other",)).specs] == ["other"]
    for number in range(300):
        assert world.offer((str(number), "effect")).tokens == world.offer(("effect",)).tokens


async def test_a_model_that_is_not_the_one_the_session_was_opened_with_is_named(rig: Rig) -> None:
    await rig.run(agent(scripted(says("one"))))
    assert [event.model for event in await rig.events() if isinstance(event, ModelAsked)] == [""]
    taken_up = await rig.load(agent(ScriptedModel([says("two")], name="other")))
    await taken_up.hear("again")
    await taken_up.run()
    assert [event.model for event in await rig.events() if isinstance(event, ModelAsked)] == ["", "other"]


class Broken:
    """Says some words, or none, and then that it is overloaded, which costs nothing by itself."""

    spec = ModelSpec("broken", FlatPrice(1.0, 1.0))

    def __init__(self, *words: str) -> None:
        """Take the words."""
        self.words = words

    async def complete(self, request: Request, emit: Emit) -> Reply:
        """Never answer whole."""
        for word in self.words:
            emit(Delta(word))
        raise OverloadedError("too many")


async def test_text_that_came_was_computed_whatever_ended_it(rig: Rig) -> None:
    silent = await rig.run(agent(Broken()))
    spoke = await rig.run(agent(Broken("so ", "far")), name="spoke")
    assert (silent.status, silent.cost) == ("failed", 0)
    assert spoke.status == "failed"
    assert spoke.cost > 0
