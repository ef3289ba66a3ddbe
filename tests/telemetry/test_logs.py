"""A session is told as lines for a log: what happened, how bad it is, where it belongs, and nothing that was said."""

import typing

import msgspec
import pytest
from tests.core.samples import SAMPLES
from tests.telemetry.spans.test_tracing import BEGIN, OPENED, PAY, RUN, STORY, told

from remit.core import events as ev
from remit.core.messages import Outcome
from remit.telemetry.logs import Line, Logs
from remit.telemetry.spans import trace_id

HEADER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def lines(*events: ev.Event, by: Logs | None = None, session: str = "s1") -> list[Line]:
    logs = by or Logs()
    found = [logs.see(session, ev.Record(place + 1, BEGIN + place * 1000, event)) for place, event in enumerate(events)]
    return [line for line in found if line is not None]


def test_a_run_is_told_line_by_line_without_what_only_begins_something() -> None:
    assert [(line.level, line.event) for line in lines(*STORY)] == [
        ("info", "session.opened"), ("info", "message.received"), ("info", "run.opened"), ("info", "model.answered"),
        ("info", "judged"), ("info", "tool.ended"), ("warning", "flagged"), ("info", "model.answered"),
        ("info", "run.ended"),
    ]  # fmt: skip


def test_each_line_says_where_it_belongs_as_the_spans_do() -> None:
    spans = {span.name: span for span in told(*STORY)}
    run, pay = spans["invoke_agent clerk"], spans["execute_tool pay"]
    found = lines(*STORY)
    everywhere = {"session": "s1", "tenant": "acme", "agent": "clerk", "trace_id": trace_id("s1").hex()}
    assert all(everywhere.items() <= dict(line.fields).items() for line in found)
    ended = next(line for line in found if line.event == "tool.ended")
    expected = {"run": 1, "step": "0", "call": "c1_0_0", "tool": "pay", "status": "ok", "attempts": 2, "ms": 1000,
                "cost_usd": 0.25, "seq": 8, "span_id": pay.id.hex()}  # fmt: skip
    assert {name: ended.fields[name] for name in expected} == expected
    answered = next(line for line in found if line.event == "model.answered")
    expected = {"step": "0", "input_tokens": 100, "output_tokens": 10, "ms": 1000, "span_id": run.id.hex()}
    assert {name: answered.fields[name] for name in expected} == expected


def test_a_run_in_the_trace_of_somebody_else_is_told_so() -> None:
    said = ev.MessageReceived("go", trace=HEADER)
    found = lines(OPENED, said, RUN, ev.RunEnded(1, "done"))
    assert [line.fields["trace_id"] for line in found[2:]] == [HEADER[3:35]] * 2


def test_nothing_that_was_said_and_no_name_is_told_unless_asked_for() -> None:
    secrets = ("Refund", "ann", "Let me", "paid", "costly", "again", "Done.")
    assert [word for word in secrets if word in repr(lines(*STORY))] == []
    whole = repr(lines(*STORY, by=Logs(content=True)))
    assert [word for word in secrets if word not in whole] == []


def test_with_content_a_long_value_is_cut() -> None:
    line = lines(OPENED, ev.MessageReceived("x" * 1000), by=Logs(content=True, longest=50))[1]
    assert len(str(line.fields["text"])) == 50


@pytest.mark.parametrize(
    ("event", "level", "name"),
    [
        (ev.EffectEnded(Outcome("c1_0_0", "failed", "no"), made=PAY), "warning", "tool.ended"),
        (ev.EffectEnded(Outcome("c1_0_0", "denied", "no"), made=PAY), "warning", "tool.ended"),
        (ev.EffectInDoubt("c1_0_0", "did it?"), "error", "tool.in_doubt"),
        (ev.Judged("c1_0_0", "Deny", "deny", "no"), "warning", "judged"),
        (ev.ModelFailed("0", "OverloadedError: no"), "warning", "model.failed"),
        (ev.ModelFailed("0", "no such thing", final=True), "error", "model.failed"),
        (ev.RunEnded(1, "failed"), "error", "run.ended"),
        (ev.RunEnded(1, "stopped"), "warning", "run.ended"),
        (ev.RunSuspended("alarm", 1), "warning", "run.suspended"),
        (ev.Flagged("honeypot", "pause", "no"), "error", "flagged"),
    ],
)
def test_what_a_person_must_look_at_is_worse_than_the_rest(event: ev.Event, level: str, name: str) -> None:
    line = lines(OPENED, RUN, event)[-1]
    assert (line.level, line.event) == (level, name)
    assert "no such" not in repr(line)


def test_every_kind_of_event_is_told_or_left_out() -> None:
    quiet = {ev.ModelAsked, ev.EffectStarted, ev.Noted}
    kinds = {type(sample) for sample in SAMPLES}
    assert kinds == set(typing.get_args(ev.Event))
    for sample in SAMPLES:
        if isinstance(sample, ev.SessionOpened):
            continue
        found = lines(OPENED, RUN, sample, by=Logs(content=True))
        assert (len(found) == 2) == (type(sample) in quiet), sample


def test_the_past_that_a_fork_was_given_is_not_told_again() -> None:
    fork = msgspec.structs.replace(OPENED, forked="s1@3")
    found = lines(fork, *STORY[1:], session="s2")
    assert [line.fields["seq"] for line in found][:2] == [1, 5]


def test_a_session_that_is_forgotten_is_told_again_when_it_is_shown_again() -> None:
    logs = Logs()
    lines(*STORY, by=logs)
    logs.forget("s1")
    assert lines(*STORY, by=logs) == lines(*STORY)
