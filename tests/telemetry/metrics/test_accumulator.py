"""What `/metrics` says is what the records of sessions say, with few label values and nothing counted twice."""

import msgspec
import pytest
from tests.core.samples import SAMPLES

from remit.core import events as ev
from remit.core.limits import Limits
from remit.core.messages import Call, Outcome, Usage
from remit.core.ports import SessionRow
from remit.core.values import JsonObject, digest
from remit.telemetry.metrics import FAMILIES, OTHER, Metrics, Sample

BEGIN = 1_000_000
OPENED = ev.SessionOpened(
    "clerk", "2", "react@1", {"pay": "d1", "look": "d2"}, "acme", ev.Tree("s1"), Limits(), {"default": "gpt"}
)
PAY = Call("pay", {}, "c1_0_0")
RUN = ev.RunOpened(1, "react@1", "w", BEGIN)


def fed(*events: ev.Event, session: str = "s1", into: Metrics | None = None, fresh: bool = True) -> Metrics:
    metrics = into or Metrics()
    for place, event in enumerate(events):
        metrics.see(session, ev.Record(place + 1, BEGIN + place * 1000, event), fresh=fresh)
    return metrics


def samples(metrics: Metrics, name: str, now: int = BEGIN) -> dict[tuple[str, ...], Sample]:
    (found,) = [measured for measured in metrics.collect(now) if measured.family.name == name]
    return {sample.labels: sample for sample in found.samples}


def values(metrics: Metrics, name: str, now: int = BEGIN) -> dict[tuple[str, ...], float]:
    return {labels: sample.value for labels, sample in samples(metrics, name, now).items()}


WHO = ("clerk", "acme")


def test_a_run_is_counted_from_question_to_answer() -> None:
    metrics = fed(
        OPENED,
        RUN,
        ev.ModelAsked("0", hold=9),
        ev.ModelFailed("0", "busy", 1_000_000_000),
        ev.ModelAsked("0", hold=9),
        ev.ModelAnswered("0", "", (PAY,), Usage(100, 10, 40), 500_000_000),
        ev.EffectStarted("c1_0_0"),
        ev.EffectEnded(Outcome("c1_0_0"), 250_000_000, attempts=3, waited=400),
        ev.Noted("1", "plan", {}),
        ev.RunEnded(1, "done", "so"),
    )
    assert values(metrics, "remit_sessions_opened_total") == {WHO: 1}
    assert values(metrics, "remit_runs_total") == {(*WHO, "done"): 1}
    assert values(metrics, "remit_steps_total") == {(*WHO, "model"): 2, (*WHO, "tool"): 1, (*WHO, "note"): 1}
    assert values(metrics, "remit_model_calls_total") == {(*WHO, "gpt", "failed"): 1, (*WHO, "gpt", "ok"): 1}
    assert values(metrics, "remit_cost_usd_total") == {(*WHO, "gpt", ""): 1.5, (*WHO, "", "pay"): 0.25}
    assert values(metrics, "remit_retries_total") == {(*WHO, "gpt", ""): 1, (*WHO, "", "pay"): 2}
    tokens = {(*WHO, "gpt", "input"): 100, (*WHO, "gpt", "output"): 10, (*WHO, "gpt", "cached"): 40}
    assert values(metrics, "remit_tokens_total") == tokens
    assert values(metrics, "remit_tool_calls_total") == {(*WHO, "pay", "ok"): 1}


def test_latency_is_in_the_bucket_of_what_was_not_waited() -> None:
    metrics = fed(
        OPENED, RUN, ev.EffectStarted("c1_0_0", made=PAY), ev.EffectEnded(Outcome("c1_0_0"), attempts=1, waited=400)
    )
    (sample,) = samples(metrics, "remit_tool_seconds").values()
    assert sample.value == pytest.approx(0.6)
    # Bounds 0.01 to 0.5 are below, 1.0 and all above it are not.
    assert sample.counts == (0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1)


def test_the_share_of_success_is_of_calls_that_were_made() -> None:
    events: list[ev.Event] = [OPENED, RUN]
    for number, status in enumerate(("ok", "failed", "denied", "ok", "ok")):
        made = Call("look", {}, f"c1_{number}_0")
        events.append(ev.EffectEnded(Outcome(made.id, status), made=made))
    assert values(fed(*events), "remit_tool_success_ratio") == {("look",): 0.75}


def test_what_waits_is_a_gauge_with_its_age_until_somebody_decides() -> None:
    metrics = fed(
        OPENED, RUN, ev.ModelAsked("0", hold=9), ev.ModelAnswered("0", "", (PAY,)),
        ev.ApprovalAsked("c1_0_0", "d", "why", BEGIN * 2), ev.RunSuspended("approval", BEGIN, "?"),
    )  # fmt: skip
    now = BEGIN + 64_000
    assert values(metrics, "remit_approvals_waiting", now) == {WHO: 1}
    assert values(metrics, "remit_approvals_oldest_seconds", now) == {WHO: 60}
    assert values(metrics, "remit_sessions", now) == {(*WHO, "waiting", "approval"): 1}
    metrics.see("s1", ev.Record(7, BEGIN, ev.ApprovalGiven("c1_0_0", granted=True, by="ann", digest="d")))
    assert values(metrics, "remit_approvals_waiting", now) == {}
    assert values(metrics, "remit_approvals_total") == {(*WHO, "granted"): 1}


def test_a_call_waits_until_enough_different_people_have_decided() -> None:
    def given(by: str, args: JsonObject | None = None) -> ev.ApprovalGiven:
        return ev.ApprovalGiven("c1_0_0", granted=True, by=by, digest="d", args=args)

    asked = ev.ApprovalAsked("c1_0_0", "d", "why", BEGIN * 2, PAY, persons=2)
    begun = (OPENED, RUN, asked)
    assert values(fed(*begun, given("ann"), given("ann")), "remit_approvals_waiting") == {WHO: 1}
    assert values(fed(*begun, given("ann"), given("bob")), "remit_approvals_waiting") == {}
    again = msgspec.structs.replace(asked, digest=digest([PAY.tool, {"usd": 1}]))
    edited = fed(*begun, given("ann"), given("bob", {"usd": 1}), again)
    assert values(edited, "remit_approvals_waiting") == {WHO: 1}
    assert values(edited, "remit_approvals_total") == {(*WHO, "granted"): 1, (*WHO, "edited"): 1}
    assert values(fed(*begun, given("bob", {"usd": 1}), again, given("ann")), "remit_approvals_waiting") == {}
    denied = ev.ApprovalGiven("c1_0_0", granted=False, by="ann", digest="d")
    assert values(fed(*begun, denied), "remit_approvals_waiting") == {}


def test_escalations_are_counted_from_nothing() -> None:
    asked = ev.ApprovalAsked("c1_0_0", "d", "why", BEGIN * 2, PAY, escalates=BEGIN)
    assert values(fed(OPENED, RUN, asked), "remit_approvals_escalated_total") == {WHO: 0}
    late = ev.ApprovalEscalated("c1_0_0", BEGIN)
    assert values(fed(OPENED, RUN, asked, late), "remit_approvals_escalated_total") == {WHO: 1}


def test_doubts_inputs_holds_and_silence_are_gauges() -> None:
    metrics = fed(
        OPENED, RUN, ev.EffectStarted("c1_0_0", 3_000_000_000, PAY), ev.EffectInDoubt("c1_0_0", "did it?"),
        ev.EffectStarted("c1_1_0", made=Call("look", {}, "c1_1_0")), ev.InputAsked("c1_1_0", "which?", {}),
    )  # fmt: skip
    assert values(metrics, "remit_in_doubt") == {(*WHO, "pay"): 1}
    assert values(metrics, "remit_in_doubt_total") == {(*WHO, "pay"): 1}
    assert values(metrics, "remit_inputs_waiting") == {WHO: 1}
    assert values(metrics, "remit_held_usd") == {WHO: 3.0}
    assert values(metrics, "remit_running_silent_seconds", BEGIN + 65_000) == {WHO: 60}
    metrics.see("s1", ev.Record(7, BEGIN, ev.EffectReconciled("c1_0_0", happened=True, by="ann")))
    assert values(metrics, "remit_in_doubt") == {}
    metrics.see("s1", ev.Record(8, BEGIN, ev.RunEnded(1, "cancelled")))
    for name in ("remit_inputs_waiting", "remit_held_usd", "remit_running_silent_seconds"):
        assert values(metrics, name, BEGIN + 65_000) == {}


def test_flags_verdicts_and_programs_are_counted_by_kind() -> None:
    metrics = fed(
        OPENED, RUN, ev.Flagged("loop", "warn", "again"), ev.Flagged("loop", "stop", "again"),
        ev.Judged("c1_0_0", "AskBefore", "ask", "costly"), ev.ProgramEnded("1", "timeout"),
    )  # fmt: skip
    # At 0 before it happens, so that the first time is an increase.
    never = {(*WHO, "honeypot", "notice"): 0}
    assert values(metrics, "remit_flags_total") == {(*WHO, "loop", "warn"): 1, (*WHO, "loop", "stop"): 1} | never
    assert values(metrics, "remit_loop_stops_total") == {WHO: 1}
    assert values(metrics, "remit_verdicts_total") == {(*WHO, "AskBefore", "ask"): 1}
    assert values(metrics, "remit_programs_total") == {(*WHO, "timeout"): 1}


def test_what_is_not_fresh_tells_where_a_session_stands_and_counts_nothing() -> None:
    metrics = fed(
        OPENED, RUN, ev.ModelAsked("0", hold=9), ev.ModelAnswered("0", "", (PAY,), cost=5),
        ev.ApprovalAsked("c1_0_0", "d", "why", BEGIN * 2), fresh=False,
    )  # fmt: skip
    assert values(metrics, "remit_model_calls_total") == {}
    assert values(metrics, "remit_sessions_opened_total") == {}
    assert values(metrics, "remit_approvals_waiting") == {WHO: 1}


def test_what_a_fork_was_given_is_not_counted_again() -> None:
    metrics = fed(msgspec.structs.replace(OPENED, forked="s0@3"), RUN, ev.RunEnded(1, "done"), RUN,
                  ev.RunEnded(2, "failed"))  # fmt: skip
    assert values(metrics, "remit_runs_total") == {(*WHO, "failed"): 1}


def test_labels_stay_few_whoever_invents_names() -> None:
    metrics = Metrics(values=3)
    for number in range(10):
        opened = msgspec.structs.replace(OPENED, agent=f"agent-{number}", tenant=f"tenant-{number}" * 100)
        made = Call(f"invented-{number}", {}, f"c1_{number}_0")
        fed(opened, RUN, ev.EffectEnded(Outcome(made.id, "denied"), made=made), session=f"s{number}", into=metrics)
    for measured in metrics.collect(BEGIN):
        for place, label in enumerate(measured.family.labels):
            seen = {sample.labels[place] for sample in measured.samples}
            assert len(seen - {OTHER, ""}) <= 3, (measured.family.name, label)
            assert max(map(len, seen), default=0) <= 120
    calls = values(metrics, "remit_tool_calls_total")
    assert {labels[2] for labels in calls} == {OTHER}
    assert sum(calls.values()) == 10


def test_no_label_is_the_id_of_anything() -> None:
    assert {label for family in FAMILIES for label in family.labels} == {
        "agent", "tenant", "status", "why", "kind", "model", "tool", "guard", "verdict", "level", "decision",
    }  # fmt: skip


def test_sessions_at_rest_are_counted_from_the_list() -> None:
    metrics = fed(OPENED, RUN, ev.RunEnded(1, "done"))
    row = SessionRow("s1", "clerk", "acme", "idle", BEGIN, BEGIN, why="done")
    metrics.survey([row, msgspec.structs.replace(row, id="s2", status="closed"), msgspec.structs.replace(row, id="s3")])
    metrics.survey([row, msgspec.structs.replace(row, id="s2", status="closed")])
    assert values(metrics, "remit_sessions") == {(*WHO, "idle", "done"): 1, (*WHO, "closed", ""): 1}


def test_a_session_that_is_forgotten_and_shown_again_goes_on() -> None:
    metrics = fed(OPENED, RUN, ev.RunEnded(1, "done"))
    metrics.forget("s1")
    metrics.forget("s1")
    fed(OPENED, RUN, ev.RunEnded(1, "done"), into=metrics, fresh=False)
    metrics.see("s1", ev.Record(4, BEGIN, RUN))
    metrics.see("s1", ev.Record(5, BEGIN, ev.RunEnded(2, "done")))
    assert values(metrics, "remit_runs_total") == {(*WHO, "done"): 2}


@pytest.mark.parametrize("event", SAMPLES, ids=lambda event: type(event).__name__)
def test_every_kind_of_event_is_taken_in(event: ev.Event) -> None:
    metrics = fed(OPENED, RUN, event)
    assert len(metrics.collect(BEGIN)) == len(FAMILIES)
