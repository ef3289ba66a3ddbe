"""A session is told as spans of the GenAI conventions: who called what, for how long, at what cost."""

from collections.abc import Sequence

import msgspec
import pytest
from tests.core.samples import SAMPLES

from remit.core import events as ev
from remit.core.limits import Limits
from remit.core.messages import Call, Outcome, Usage
from remit.telemetry.spans import Span, Tracing, trace_id

BEGIN = 1_700_000_000_000
OPENED = ev.SessionOpened(
    "clerk", "2", "react@1", {"pay": "d1"}, "acme", ev.Tree("s1"), Limits(), {"default": "openai:gpt-9"}
)
PAY = Call("pay", {"usd": 30}, "c1_0_0")
RUN = ev.RunOpened(1, "react@1", "w", BEGIN)
STORY: tuple[ev.Event, ...] = (
    OPENED,
    ev.MessageReceived("Refund my order, please", "ann"),
    RUN,
    ev.ModelAsked("0", hold=9, shape="ab"),
    ev.ModelAnswered("0", "Let me see", (PAY,), Usage(100, 10, 40, 5, 3), 500_000_000),
    ev.Judged("c1_0_0", "AskBefore", "ask", "costly"),
    ev.EffectStarted("c1_0_0"),
    ev.EffectEnded(Outcome("c1_0_0", output={"paid": 30}), 250_000_000, attempts=2, waited=7),
    ev.Flagged("loop", "warn", "again"),
    ev.ModelAsked("1"),
    ev.ModelAnswered("1", "Done.", usage=Usage(120, 3)),
    ev.RunEnded(1, "done", "Done."),
)


def told(*events: ev.Event, session: str = "s1", by: Tracing | None = None, begin: int = BEGIN) -> list[Span]:
    tracing = by or Tracing()
    found: list[Span] = []
    for place, event in enumerate(events):
        found += tracing.see(session, ev.Record(place + 1, begin + place * 1000, event))
    return found


def by_name(spans: Sequence[Span]) -> dict[str, Span]:
    return {span.name: span for span in spans}


def test_a_run_is_an_agent_with_its_questions_and_calls_below_it() -> None:
    ask, pay, again, run = told(*STORY)
    assert [span.name for span in (ask, pay, again, run)] == [
        "chat gpt-9", "execute_tool pay", "chat gpt-9", "invoke_agent clerk",
    ]  # fmt: skip
    assert run.parent is None
    assert {span.parent for span in (ask, pay, again)} == {run.id}
    assert {span.trace for span in (ask, pay, again, run)} == {trace_id("s1")}
    assert len({span.id for span in (ask, pay, again, run)}) == 4
    assert (run.began, run.ended) == (BEGIN + 2000, BEGIN + 11_000)
    assert (ask.began, ask.ended, ask.kind, pay.kind) == (BEGIN + 3000, BEGIN + 4000, "client", "internal")


def test_attributes_are_those_of_the_conventions() -> None:
    ask, pay, _, run = told(*STORY)
    expected = {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-9",
        "gen_ai.conversation.id": "s1", "gen_ai.agent.name": "clerk", "gen_ai.output.type": "json",
        "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 10,
        "gen_ai.usage.cache_read.input_tokens": 40, "gen_ai.usage.cache_write.input_tokens": 5,
        "gen_ai.usage.reasoning.output_tokens": 3, "gen_ai.response.finish_reasons": ("tool_call",),
        "openinference.span.kind": "LLM", "llm.model_name": "gpt-9", "llm.token_count.total": 110,
        "llm.cost.total": 0.5, "session.id": "s1", "remit.step": "0", "remit.tenant": "acme",
    }  # fmt: skip
    assert {name: ask.attributes[name] for name in expected} == expected
    expected = {
        "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "pay", "gen_ai.tool.call.id": "c1_0_0",
        "gen_ai.tool.type": "function", "openinference.span.kind": "TOOL", "remit.outcome": "ok", "remit.attempts": 2,
        "remit.cost.usd": 0.25,
    }  # fmt: skip
    assert {name: pay.attributes[name] for name in expected} == expected
    assert [moment.name for moment in pay.moments] == ["remit.judged"]
    expected = {
        "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.version": "2", "openinference.span.kind": "AGENT",
        "remit.status": "done", "remit.cost.usd": 0.75,
    }  # fmt: skip
    assert {name: run.attributes[name] for name in expected} == expected
    assert [moment.attributes for moment in run.moments] == [{"remit.flag": "loop", "remit.level": "warn"}]


def test_nothing_that_was_said_is_captured_unless_asked_for() -> None:
    secrets = ("Refund", "Let me", "paid", "costly", "again", "Done.", "30")
    text = repr([(span.attributes, span.moments, span.why) for span in told(*STORY)])
    assert [word for word in secrets if word in text] == []


def test_with_content_a_span_says_what_went_in_and_out() -> None:
    ask, pay, again, run = told(*STORY, by=Tracing(content=True))
    assert run.attributes["input.value"] == "Refund my order, please"
    assert run.attributes["output.value"] == "Done."
    assert pay.attributes["input.value"] == '{"usd":30}'
    assert pay.attributes["gen_ai.tool.call.result"] == '{"paid":30}'
    assert "Refund my order, please" in str(ask.attributes["gen_ai.input.messages"])
    assert '"finish_reason":"tool_call"' in str(ask.attributes["gen_ai.output.messages"])
    # Only what the model had not been told before.
    assert "Refund" not in str(again.attributes["input.value"])
    assert '"tool_call_response"' in str(again.attributes["input.value"])
    assert again.attributes["output.value"] == "Done."


def test_a_long_value_is_cut_and_no_longer_called_json() -> None:
    wish = Call("pay", {"text": "x" * 1000}, "c1_0_0")
    (span,) = told(OPENED, RUN, ev.EffectEnded(Outcome("c1_0_0"), made=wish), by=Tracing(content=True, longest=50))
    assert len(str(span.attributes["input.value"])) == 50
    assert span.attributes["input.mime_type"] == "text/plain"


def test_ids_are_the_same_whoever_exports_and_whenever() -> None:
    first, second = told(*STORY), told(*STORY, begin=BEGIN + 99)
    assert [(span.trace, span.id, span.parent) for span in first] == [
        (span.trace, span.id, span.parent) for span in second
    ]


def test_each_attempt_at_a_question_and_each_run_has_spans_of_its_own() -> None:
    turn = (RUN, ev.ModelAsked("0"), ev.ModelFailed("0", "OverloadedError: busy"), ev.ModelAsked("0"),
            ev.ModelAnswered("0", "so"), ev.RunEnded(1, "done"))  # fmt: skip
    second = [msgspec.structs.replace(turn[0], run=2), *turn[1:5], ev.RunEnded(2, "done")]
    spans = told(OPENED, *turn, *second)
    assert len({span.id for span in spans}) == len(spans) == 6
    assert (spans[0].failed, spans[0].attributes["error.type"], spans[0].why) == (True, "OverloadedError", "")
    assert not spans[1].failed


def test_a_sub_agent_stands_below_the_call_that_began_it() -> None:
    tracing = Tracing()
    told(OPENED, RUN, ev.EffectStarted("c1_0_0", made=PAY), by=tracing)
    child = msgspec.structs.replace(OPENED, agent="helper", tree=ev.Tree("s1", "s1", 1))
    (run,) = told(child, RUN, ev.RunEnded(1, "done"), session="s2", by=tracing, begin=BEGIN + 2500)
    (call,) = tracing.see("s1", ev.Record(4, BEGIN + 9000, ev.EffectEnded(Outcome("c1_0_0"))))
    assert run.parent == call.id
    assert run.trace == call.trace
    # The same, when the call is over by the time the child is read; and the run where it cannot be told.
    (again,) = told(child, RUN, ev.RunEnded(1, "done"), session="s3", by=tracing, begin=BEGIN + 2500)
    (late,) = told(child, RUN, ev.RunEnded(1, "done"), session="s4", by=tracing, begin=BEGIN + 99_000)
    (ended,) = tracing.see("s1", ev.Record(5, BEGIN + 9500, ev.RunEnded(1, "done")))
    assert (again.parent, late.parent) == (call.id, ended.id)


def test_a_sub_agent_of_a_session_nobody_knows_is_in_its_trace_all_the_same() -> None:
    child = msgspec.structs.replace(OPENED, tree=ev.Tree("s1", "s1", 1))
    (run,) = told(child, RUN, ev.RunEnded(1, "done"), session="s2")
    assert (run.parent, run.trace) == (None, trace_id("s1"))


def test_the_calls_of_a_program_stand_below_it() -> None:
    wish = Call("pay", {}, "c1_1_0")
    call, program, run = told(
        OPENED, RUN, ev.ProgramStarted("1", "pay()", "cafe", "wasm"), ev.ProgramPaused("1", "kept", 1, (0,)),
        ev.EffectStarted("c1_1_0", made=wish), ev.EffectEnded(Outcome("c1_1_0")), ev.ProgramEnded("1", "timeout"),
        ev.RunEnded(1, "failed", reason="no"),
    )  # fmt: skip
    assert (call.parent, program.parent) == (program.id, run.id)
    assert (program.name, program.failed, program.attributes["error.type"]) == ("execute_tool program", True, "timeout")
    assert program.attributes["remit.program.tier"] == "wasm"
    assert (run.failed, run.attributes["error.type"]) == (True, "failed")


def test_what_a_run_leaves_under_way_ends_with_it() -> None:
    ask, call, run = told(
        OPENED, RUN, ev.ModelAsked("0"), ev.EffectStarted("c1_0_0", made=PAY), ev.RunEnded(1, "cancelled")
    )
    assert (ask.attributes["error.type"], call.attributes["error.type"], run.failed) == ("lost", "lost", False)
    assert ask.ended == call.ended == run.ended


def test_a_call_that_was_denied_takes_no_time_and_is_no_failure() -> None:
    (span,) = told(OPENED, RUN, ev.EffectEnded(Outcome("c1_0_0", "denied"), made=PAY))
    assert (span.began == span.ended, span.failed, span.attributes["remit.outcome"]) == (True, False, "denied")


def test_people_are_in_the_story_of_a_call() -> None:
    (span,) = told(
        OPENED, RUN, ev.ApprovalAsked("c1_0_0", "d", "costly", BEGIN, PAY),
        ev.ApprovalGiven("c1_0_0", granted=True, by="ann", digest="d"), ev.EffectStarted("c1_0_0"),
        ev.InputAsked("c1_0_0", "which?", {}), ev.InputGiven("c1_0_0", {}, "ann"), ev.EffectStarted("c1_0_0"),
        ev.EffectInDoubt("c1_0_0", "?"), ev.EffectReconciled("c1_0_0", happened=True, by="ann"),
        ev.EffectEnded(Outcome("c1_0_0")),
    )  # fmt: skip
    assert [moment.name.removeprefix("remit.") for moment in span.moments] == [
        "approval.asked", "approval.given", "input.asked", "input.given", "in_doubt", "reconciled",
    ]  # fmt: skip
    assert "ann" not in repr(span)


def test_what_a_fork_was_given_is_not_exported_again() -> None:
    spans = told(msgspec.structs.replace(OPENED, forked="s0@4"), RUN, ev.ModelAsked("0"), ev.ModelAnswered("0", "a"),
                 ev.ModelAsked("1"), ev.ModelAnswered("1", "b"))  # fmt: skip
    assert [span.attributes["remit.step"] for span in spans] == ["1"]


@pytest.mark.parametrize("content", [False, True])
@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: type(event).__name__)
def test_every_kind_of_event_is_taken_in(event: ev.Event, *, content: bool) -> None:
    spans = told(OPENED, RUN, event, ev.RunEnded(1, "done", {"so": 1}), by=Tracing(content=content))
    assert all(span.ended >= span.began for span in spans)
