"""The timeline tells every kind of event, once, in words a person understands."""

from collections.abc import Sequence

import pytest
from inline_snapshot import snapshot

from remit.core import events as ev
from remit.core.limits import Limits
from remit.core.messages import Call, Outcome, Usage
from remit.core.values import nanos
from remit.telemetry import Timeline, call_text, duration, head, line, offset

OPENED = ev.SessionOpened(
    "clerk", "2", "react@1", {"refund": "d1"}, "acme", ev.Tree("s1"), Limits(), {"default": "gpt", "judge": "mini"}
)
REFUND = Call("refund", {"order": "A1", "usd": 30}, "c1_0_0")
BEGIN = 1_000_000


def records(*events: ev.Event, every: int = 1500) -> list[ev.Record]:
    return [ev.Record(place + 1, BEGIN + place * every, event) for place, event in enumerate(events)]


def told(*events: ev.Event) -> list[str]:
    return [" ".join(line(row).split()) for row in Timeline.tell(records(*events))[1]]


def test_a_run_with_an_approved_call_reads_from_question_to_answer() -> None:
    lines = told(
        OPENED,
        ev.MessageReceived("Refund my\norder A1, please", "ann"),
        ev.RunOpened(1, "react@1", "w1", BEGIN),
        ev.ModelAsked("0", hold=5),
        ev.ModelAnswered("0", "Let me see", (REFUND,), Usage(812, 40, 100), nanos(0.012)),
        ev.Judged("c1_0_0", "AskBefore", "ask", "refunds need a person"),
        ev.ApprovalAsked("c1_0_0", "d", "refunds need a person", BEGIN * 2),
        ev.RunSuspended("approval", BEGIN, "approve refund?"),
        ev.ApprovalGiven("c1_0_0", granted=True, by="bob", digest="d", reason="is a regular"),
        ev.RunResumed("w2", BEGIN),
        ev.EffectStarted("c1_0_0"),
        ev.EffectEnded(Outcome("c1_0_0", output={"paid": 30}), nanos(0.5), 3),
        ev.ModelAsked("2", role="judge"),
        ev.ModelAnswered("2", "Your money is on its way."),
        ev.RunEnded(1, "done", "Your money is on its way."),
        ev.SessionClosed("bob", "solved"),
    )
    assert lines == snapshot(
        [
            "1 +0ms session clerk@2, react@1, tenant acme; models default=gpt, judge=mini; tools refund",
            "2 +1.5s ann Refund my order A1, please",
            "3 +3.0s run 1 react@1 on worker w1",
            '5 +6.0s 0 gpt Let me see → refund(order="A1", usd=30) [1.5 s, 812 (100 cached)+40 tokens, $0.012]',
            '6 +7.5s 0 ask AskBefore on refund(order="A1", usd=30): refunds need a person',
            '7 +9.0s 0 approval? refund(order="A1", usd=30) (c1_0_0) waits for a person: refunds need a person',
            "8 +10.5s waits approval: approve refund?",
            '9 +12.0s 0 approved refund(order="A1", usd=30) by bob: is a regular',
            "10 +13.5s resumed on worker w2",
            '12 +16.5s 0 tool refund(order="A1", usd=30) → {"paid":30} [1.5 s, 3 attempts, $0.50]',
            "14 +19.5s 2 mini as judge Your money is on its way. [1.5 s]",
            "15 +21.0s done Your money is on its way.",
            "16 +22.5s closed by bob: solved",
        ]
    )


def test_what_went_wrong_is_told_with_its_reason() -> None:
    lines = told(
        OPENED,
        ev.RunOpened(1, "react@1", "w1", BEGIN),
        ev.ModelAsked("0"),
        ev.ModelFailed("0", "OverloadedError: busy", 7),
        ev.Noted("1", "plan", {"steps": ["look"]}),
        ev.Judged("c1_2_0", "Permissions", "deny", "never"),
        ev.EffectEnded(Outcome("c1_2_0", "denied", "not allowed: never"), made=Call("wipe", {}, "c1_2_0")),
        ev.EffectStarted("c1_3_0f", made=Call("pay", {"usd": 1}, "c1_3_0f")),
        ev.EffectInDoubt("c1_3_0f", "did pay happen?"),
        ev.EffectReconciled("c1_3_0f", happened=False, by="bob"),
        ev.EffectReconciled("c1_3_0f", happened=True, by="probe", output="receipt 7"),
        ev.ApprovalGiven("own-id", granted=False, by="bob", digest="d"),
        ev.Flagged("honeypot", "notice", "a trap was sprung", "c1_3_0"),
        ev.LimitRaised("usd", 2.5, "bob"),
        ev.CancelAsked("bob", "enough"),
        ev.RunEnded(1, "cancelled", reason="cancelled by bob"),
    )
    assert lines == snapshot(
        [
            "1 +0ms session clerk@2, react@1, tenant acme; models default=gpt, judge=mini; tools refund",
            "2 +1.5s run 1 react@1 on worker w1",
            "4 +4.5s 0 gpt OverloadedError: busy [1.5 s, $0.000000007]",
            '5 +6.0s 1 note plan {"steps":["look"]}',
            "6 +7.5s 2 deny Permissions on c1_2_0: never",
            "7 +9.0s 2 denied wipe() → not allowed: never",
            "9 +12.0s 3 in doubt pay(usd=1): did pay happen?",
            "10 +13.5s 3 settled bob found that it did not happen: pay(usd=1)",
            "11 +15.0s 3 settled probe found that it happened: pay(usd=1): receipt 7",
            "12 +16.5s denied own-id by bob",
            "13 +18.0s 3 flag honeypot a trap was sprung",
            "14 +19.5s limit usd raised to 2.5 by bob",
            "15 +21.0s cancel asked by bob: enough",
            "16 +22.5s cancelled cancelled by bob",
        ]
    )


def test_what_is_under_way_is_told_last() -> None:
    lines = told(
        OPENED, ev.RunOpened(1, "react@1", "w1", BEGIN), ev.ModelAsked("0"), ev.EffectStarted("c1_1_0", made=REFUND)
    )
    assert lines[2:] == snapshot(
        [
            "3 +3.0s 0 gpt no answer yet",
            '4 +4.5s 1 started refund(order="A1", usd=30): no outcome yet',
        ]
    )


def test_the_end_of_a_run_ends_what_was_under_way() -> None:
    opened = (OPENED, ev.RunOpened(1, "react@1", "w1", BEGIN), ev.ModelAsked("0"))
    assert Timeline.tell(records(*opened, ev.RunEnded(1, "stopped")))[0].under_way() == []


def test_a_question_asked_again_after_a_crash_is_timed_from_its_last_asking() -> None:
    events = (
        OPENED,
        ev.RunOpened(1, "r@1", "w", BEGIN),
        ev.ModelAsked("0"),
        ev.ModelAsked("0"),
        ev.ModelAnswered("0", "x"),
    )
    assert Timeline.tell(records(*events, every=100))[1][-1].took == 100


def test_an_answer_that_cannot_be_used_and_a_result_in_a_blob_say_so() -> None:
    blob = Outcome("c1_0_0", output="the head", blob="ab" * 32, size=40_000)
    lines = told(OPENED, ev.ModelAsked("0"), ev.ModelAnswered("0", "{", problem="not JSON"), ev.EffectEnded(blob))
    assert lines[1:] == snapshot(
        [
            "3 +3.0s 0 gpt { (unusable: not JSON) [1.5 s]",
            "4 +4.5s 0 tool c1_0_0 → the head (all 40000 bytes in blob abababababab)",
        ]
    )


def test_totals_add_up() -> None:
    events = (
        OPENED,
        ev.RunOpened(1, "r@1", "w", BEGIN),
        ev.ModelAsked("0"),
        ev.ModelAnswered("0", "", (REFUND,), Usage(10, 5, 2), 100),
        ev.EffectStarted("c1_0_0"),
        ev.EffectEnded(Outcome("c1_0_0", "failed"), 20),
        ev.ModelAsked("2"),
        ev.ModelFailed("2", "gone", 3),
    )
    totals = Timeline.tell(records(*events))[0].totals
    assert (totals.runs, totals.asks, totals.calls, totals.failures) == (1, 2, 1, 2)
    assert (totals.input, totals.output, totals.cached, totals.cost) == (10, 5, 2, 123)


def test_a_forked_child_says_where_it_comes_from() -> None:
    tree = ev.Tree("root", "mother", 1)
    opened = ev.SessionOpened("a", "1", "r@1", {}, "t", tree, Limits(), {"default": "m"}, forked="old@7")
    assert told(opened) == snapshot(
        ["1 +0ms session a@1, r@1, tenant t; models default=m; child of mother; forked from old@7"]
    )


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(-5, "0 ms"), (0, "0 ms"), (99, "99 ms"), (100, "0.1 s"), (59_999, "60.0 s"), (185_000, "3m 05s"),
     (8_040_000, "2h 14m"), (273_600_000, "3d 04h")],
)  # fmt: skip
def test_durations_read_in_at_most_two_units(milliseconds: int, text: str) -> None:
    assert duration(milliseconds) == text
    assert offset(milliseconds) == f"+{text}".replace(" ", "")


def test_a_head_is_one_line_of_bounded_length() -> None:
    assert head("a\n b\t c") == "a b c"
    assert head("x" * 200, 10) == "x" * 9 + "…"
    assert head(" " * 1_000 + "late", 10).endswith("…")


def test_a_call_reads_as_code_and_an_unreadable_one_says_so() -> None:
    assert call_text(Call("f", {"a": "b", "c": [1, None]})) == 'f(a="b", c=[1,null])'
    assert call_text(Call("f", {}, malformed="{oops")) == "f(unreadable: {oops)"


def every_kind() -> Sequence[ev.Event]:
    made = Call("f", {}, "c1_0_0")
    return (
        OPENED, ev.MessageReceived("x"), ev.RunOpened(1, "r@1", "w", 0), ev.ModelAsked("0"), ev.ModelFailed("0", "e"),
        ev.ModelAsked("0"), ev.ModelAnswered("0", "x"), ev.Judged("c", "", "redact", ""), ev.Noted("1", "k", None),
        ev.ApprovalAsked("c1_0_0", "d", "", 0, made), ev.ApprovalGiven("c1_0_0", granted=True, by="x", digest="d"),
        ev.ApprovalEscalated("c1_0_0", 0), ev.EffectStarted("c1_0_0"),
        ev.EffectInDoubt("c1_0_0", ""), ev.EffectReconciled("c1_0_0", happened=True, by=""),
        ev.EffectEnded(Outcome("c1_0_0", "simulated")), ev.Flagged("k", "stop", "r"), ev.LimitRaised("usd", 1.0, "x"),
        ev.CancelAsked("x"), ev.RunSuspended("paused", 0), ev.RunResumed("w", 0), ev.RunEnded(1, "failed"),
        ev.SessionClosed("x"),
    )  # fmt: skip


def test_every_kind_of_event_but_beginnings_has_a_row() -> None:
    timeline = Timeline()
    silent = {ev.kind(record.event) for record in records(*every_kind()) if timeline.see(record) is None}
    assert silent == {"ModelAsked", "EffectStarted"}


def test_who_must_approve_what_was_edited_and_whom_it_was_too_slow_for_is_told() -> None:
    made = Call("f", {"n": 1}, "c1_0_0")
    asked = ev.ApprovalAsked("c1_0_0", "d", "why", 0, made, persons=2)
    given = ev.ApprovalGiven("c1_0_0", granted=True, by="ann", digest="d", reason="less", args={"n": 0})
    _, rows = Timeline.tell(records(OPENED, asked, ev.ApprovalEscalated("c1_0_0", 5), given))
    assert [(row.title, row.detail) for row in rows[1:]] == [
        ("approval?", "f(n=1) (c1_0_0) waits for 2 people: why"),
        ("escalated", "f(n=1) (c1_0_0) still waits: more people are told"),
        ("edited", 'f(n=1) by ann: less, to be {"n":0}'),
    ]


def test_rows_stand_in_columns() -> None:
    rows = Timeline.tell(
        records(
            OPENED,
            ev.MessageReceived("hello"),
            ev.Noted(
                "4.1.0",
                "plan",
                "look",
            ),
        )
    )[1]
    assert [line(row) for row in rows[1:]] == [
        "   2    +1.5s         user         hello",
        "   3    +3.0s  4.1.0  note plan    look",
    ]


def test_a_fallback_of_a_fallback_stands_at_the_step_of_the_first_call() -> None:
    ids = ("c1_3_0", "c1_3_0f", "c1_3_0ff")
    _, rows = Timeline.tell([ev.Record(seq, 0, ev.EffectEnded(Outcome(name))) for seq, name in enumerate(ids, 1)])
    assert [row.step for row in rows] == ["3", "3", "3"]
