"""State is nothing but the fold of a journal: in one go, piece by piece, and from bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.lives import lives

from remit.core import events as ev
from remit.core.limits import Limits
from remit.core.messages import AssistantMessage, Call, Outcome, ToolMessage, Usage, UserMessage
from remit.core.state import MAIN, Effect, State
from remit.core.values import JsonObject, digest

OPENED = ev.SessionOpened("a", "1", "react@1", {}, "t", ev.Tree("s"), Limits(), {"default": "m"})


def laid_open(state: State) -> dict[str, object]:
    return {slot: getattr(state, slot) for slot in State.__slots__}


@given(lives())
def test_folding_in_one_go_is_folding_piece_by_piece_at_any_cut(events: list[ev.Event]) -> None:
    whole = laid_open(State.fold(events))
    for cut in range(len(events) + 1):
        state = State.fold(events[:cut])
        for event in events[cut:]:
            state.apply(event)
        assert laid_open(state) == whole


@given(lives())
def test_what_is_read_back_folds_into_the_same(events: list[ev.Event]) -> None:
    assert laid_open(State.fold(ev.decode(ev.encode(events)))) == laid_open(State.fold(events))


@given(lives())
def test_the_money_of_a_session_adds_up(events: list[ev.Event]) -> None:
    state = State.fold(events)
    costs = [event.cost for event in events if isinstance(event, ev.ModelAnswered | ev.ModelFailed | ev.EffectEnded)]
    assert state.spent >= sum(costs)
    if state.run is not None:
        assert state.run.held == sum(effect.hold for effect in state.run.effects.values()) + sum(
            step.asked.hold for step in state.run.steps.values() if step.asked and not step.answered and not step.failed
        )


@given(lives())
def test_folding_changes_no_event(events: list[ev.Event]) -> None:
    before = ev.encode(events)
    State.fold(events)
    assert ev.encode(events) == before


@given(st.lists(lives(most=8), min_size=1, max_size=3), st.data())
def test_no_prefix_of_the_batches_loses_an_event(batches: list[list[ev.Event]], data: st.DataObject) -> None:
    bodies = [ev.encode(batch) for batch in batches]
    cut = data.draw(st.integers(0, len(bodies)))
    events = [event for body in bodies[:cut] for event in ev.decode(body)]
    assert events == [event for batch in batches[:cut] for event in batch]


def long_life(steps: int) -> list[ev.Event]:
    events: list[ev.Event] = [OPENED, ev.MessageReceived("go"), ev.RunOpened(1, "react@1", "w", 1)]
    for step in range(0, 2 * steps, 2):
        call = Call("t", {"n": step}, f"c1_{step}_0")
        events += [
            ev.ModelAsked(str(step)),
            ev.ModelAnswered(str(step), "", (call,)),
            ev.EffectStarted(call.id),
            ev.EffectEnded(Outcome(call.id, "ok", step)),
        ]
    return events


def test_no_event_copies_the_conversation() -> None:
    """The list of a conversation stays the same object from the first event to the last, so none is ever copied."""
    state = State()
    thread = state.threads[MAIN]
    for event in long_life(5_000):
        state.apply(event)
        assert state.threads[MAIN] is thread
    assert len(thread) == 10_001


def test_a_branch_begins_as_a_copy_of_where_it_was_forked() -> None:
    state = State.fold([OPENED, ev.MessageReceived("go"), ev.RunOpened(1, "react@1", "w", 1)])
    for branch in ("0.0", "0.1"):
        state.apply(ev.ModelAsked(f"{branch}.0", say=branch))
        state.apply(ev.ModelAnswered(f"{branch}.0", f"of {branch}"))
    assert state.threads["0.1"] == [UserMessage("go"), UserMessage("0.1"), AssistantMessage("of 0.1")]
    assert state.threads[MAIN] == [UserMessage("go")]
    state.apply(ev.RunEnded(1, "done", "x"))
    assert list(state.threads) == [MAIN]


def test_a_branch_of_a_branch_begins_where_its_parent_stands() -> None:
    state = State.fold([OPENED, ev.MessageReceived("go"), ev.RunOpened(1, "react@1", "w", 1)])
    state.apply(ev.ModelAsked("0.0.0", say="outer"))
    state.apply(ev.ModelAnswered("0.0.0", "yes"))
    assert state.thread("0.0.1.0") == state.threads["0.0"]
    assert state.thread("0.0.1.0") is not state.threads["0.0"]


def test_calls_that_never_ended_are_answered_when_the_run_ends() -> None:
    call = Call("t", {}, "c1_0_0")
    events = [*long_life(0), ev.ModelAsked("0"), ev.ModelAnswered("0", "", (call,)), ev.RunEnded(1, "cancelled")]
    last = State.fold(events).threads[MAIN][-1]
    assert last == ToolMessage(Outcome("c1_0_0", "failed", "not run: the run ended"), "t")


@pytest.mark.parametrize(("output", "text"), [("words", "words"), ({"a": 1}, '{"a":1}'), ([], "[]")])
def test_an_output_nobody_said_becomes_the_last_word(output: object, text: str) -> None:
    events = [*long_life(1), ev.RunEnded(1, "done", output)]  # pyright: ignore[reportArgumentType] - JSON
    assert State.fold(events).threads[MAIN][-1] == AssistantMessage(text)


def test_an_output_that_was_said_is_not_said_twice() -> None:
    events = [*long_life(0), ev.ModelAsked("0"), ev.ModelAnswered("0", "hi"), ev.RunEnded(1, "done", "hi")]
    assert State.fold(events).threads[MAIN][1:] == [AssistantMessage("hi")]


def test_an_earlier_answer_that_was_kept_as_the_better_becomes_the_last_word() -> None:
    answers = [ev.ModelAsked("0"), ev.ModelAnswered("0", "good"), ev.ModelAsked("1"), ev.ModelAnswered("1", "worse")]
    thread = State.fold([*long_life(0), *answers, ev.RunEnded(1, "done", "good")]).threads[MAIN]
    assert thread[1:] == [AssistantMessage("good"), AssistantMessage("worse"), AssistantMessage("good")]


def test_only_time_that_a_worker_had_counts() -> None:
    state = State.fold([*long_life(0), ev.RunSuspended("paused", 101), ev.RunResumed("w", 1101)])
    assert state.run is not None
    assert state.run.clock == 1001
    state.apply(ev.RunResumed("other", 5000))
    assert (state.run.clock, state.run.worker) == (5000, "other")


def test_a_call_made_beside_the_conversation_leaves_no_trace_in_it() -> None:
    call = Call("t", {}, "c1_0_0")
    events = [*long_life(0), ev.ModelAsked("0", say="judge", alone=True), ev.ModelAnswered("0", "", (call,))]
    state = State.fold([*events, ev.EffectStarted("c1_0_0"), ev.EffectEnded(Outcome("c1_0_0"))])
    assert state.threads[MAIN] == [UserMessage("go")]
    assert state.run is not None
    assert state.run.moves == 2


def test_pressure_lasts_until_a_model_was_told() -> None:
    state = State.fold([*long_life(0), ev.Flagged("loop", "answer", "again"), ev.Flagged("odd", "notice", "hm")])
    assert state.run is not None
    assert state.run.pressure == "answer"
    state.apply(ev.ModelAsked("0"))
    assert state.run.pressure == "answer"
    state.apply(ev.ModelAsked("1", nudge="stop that"))
    assert state.run.pressure == ""


def test_tokens_and_money_are_counted_as_they_are_settled() -> None:
    events = [*long_life(0), ev.ModelAsked("0", hold=100), ev.ModelAnswered("0", "", (), Usage(10, 5, 9), 40)]
    state = State.fold(events)
    assert state.run is not None
    assert (state.run.tokens, state.run.spent, state.run.held, state.spent) == (15, 40, 0, 40)


def test_a_journal_that_begins_in_the_middle_is_nonsense() -> None:
    with pytest.raises(AssertionError, match="outside of any run"):
        State.fold([ev.ModelAsked("0")])
    with pytest.raises(AssertionError, match="'c1' was never made"):
        State.fold([*long_life(0), ev.EffectStarted("c1")])


def test_flags_and_cancels_outside_of_a_run_change_nothing() -> None:
    state = State.fold([OPENED, ev.Flagged("drift", "warn", "x"), ev.CancelAsked("ann")])
    assert state.run is None


CALL = Call("pay", {"usd": 500}, "c1_0_0")
BEGUN = (OPENED, ev.MessageReceived("go"), ev.RunOpened(1, "react@1", "w", 0))


def asked(args: JsonObject, persons: int = 2) -> ev.ApprovalAsked:
    made = Call("pay", args, CALL.id)
    return ev.ApprovalAsked(CALL.id, digest(["pay", args]), "why", 9_000, made, persons)


def said(by: str, *, granted: bool = True, args: JsonObject | None = None) -> ev.ApprovalGiven:
    return ev.ApprovalGiven(CALL.id, granted=granted, by=by, digest=digest(["pay", CALL.args]), at=1, args=args)


def paying(*events: ev.Event) -> Effect:
    run = State.fold([*BEGUN, asked(CALL.args), *events]).run
    assert run is not None
    return run.effects[CALL.id]


def test_a_question_is_decided_by_as_many_different_people_as_it_asks_or_by_one_no() -> None:
    assert paying(said("ann"), said("ann")).given is None
    assert paying(said("ann"), said("bob")).given == said("bob")
    assert paying(said("ann"), said("cid", granted=False), said("bob")).given == said("cid", granted=False)


def test_other_arguments_decide_a_question_and_their_giver_has_allowed_the_next_one_about_exactly_those() -> None:
    edit = said("bob", args={"usd": 5})
    assert paying(said("ann"), edit).given == edit
    again = paying(said("ann"), edit, asked({"usd": 5}))
    assert (again.given, again.edited, [(one.by, one.args) for one in again.yes]) == (None, edit, [("bob", None)])
    assert paying(said("ann"), edit, asked({"usd": 6})).yes == ()


def test_the_same_question_for_more_people_keeps_who_said_yes_and_is_not_escalated_yet() -> None:
    late = ev.ApprovalEscalated(CALL.id, 7)
    assert paying(late).escalated == 7
    effect = paying(said("ann"), late, asked(CALL.args, 3))
    assert ([one.by for one in effect.yes], effect.given, effect.escalated) == (["ann"], None, 0)
