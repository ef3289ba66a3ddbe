"""The tree has everything that was done once, below what it came of; a step has all that is recorded of it."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.samples import SAMPLES

from remit.core import events as ev
from remit.core.limits import Limits
from remit.core.messages import Call, Outcome, Usage
from remit.core.values import nanos
from remit.telemetry.trace import Node, moment, step, tree

OPENED = ev.SessionOpened(
    "clerk", "2", "react@1", {"look": "d0", "refund": "d1"}, "acme", ev.Tree("s1"), Limits(), {"default": "gpt"}
)
REFUND = Call("refund", {"order": "A1", "usd": 30}, "c1_0_0")
BEGIN = 1_000_000

STORY = (
    OPENED,
    ev.MessageReceived("Refund order A1", "ann"),
    ev.RunOpened(1, "react@1", "w1", BEGIN),
    ev.ModelAsked("0", hold=5),
    ev.ModelAnswered("0", "Let me see", (REFUND,), Usage(812, 40), nanos(0.012)),
    ev.Judged("c1_0_0", "AskBefore", "ask", "refunds need a person"),
    ev.ApprovalAsked("c1_0_0", "d", "refunds need a person", BEGIN * 2),
    ev.RunSuspended("approval", BEGIN, "approve refund?"),
    ev.ApprovalGiven("c1_0_0", granted=True, by="bob", digest="d", reason="is a regular"),
    ev.RunResumed("w2", BEGIN),
    ev.EffectStarted("c1_0_0"),
    ev.EffectEnded(Outcome("c1_0_0", "failed", "no such order"), nanos(0.5), 3),
    ev.ModelAsked("2"),
    ev.ModelAnswered("2", "I could not."),
    ev.RunEnded(1, "done", "I could not."),
)


def records(events: Sequence[ev.Event], every: int = 1500) -> list[ev.Record]:
    return [ev.Record(place + 1, BEGIN + place * every, event) for place, event in enumerate(events)]


def lines(nodes: Sequence[Node]) -> list[str]:
    depth: list[int] = []
    for node in nodes:
        depth.append(0 if node.parent < 0 else depth[node.parent] + 1)
    return [
        f"{'  ' * deep}{node.kind} {node.name}: {node.text} [{node.status}]"
        for deep, node in zip(depth, nodes, strict=True)
    ]


def test_a_call_stands_below_the_question_it_came_of_with_its_judge_and_its_person() -> None:
    assert lines(tree(records(STORY))) == [
        "message ann: Refund order A1 []",
        "run react@1: I could not. [done]",
        "  model gpt: Let me see [ok]",
        '    tool refund: {"order":"A1","usd":30} [failed]',
        "      guard AskBefore: ask: refunds need a person [ask]",
        "  person waits: approval: approve refund? [waits]",
        "      person bob: approved: is a regular [approved]",
        "  note resumed:  []",
        "  model gpt: I could not. [ok]",
    ]


def test_a_node_has_its_time_its_tokens_and_its_money() -> None:
    nodes: dict[int, Node] = {}
    for node in tree(records(STORY)):
        nodes.setdefault(node.seq, node)
    question, call, run = nodes[4], nodes[6], nodes[3]
    assert (question.took, question.tokens, question.cost) == (1500, 852, nanos(0.012))
    assert (call.mood, call.cost, call.took) == ("bad", nanos(0.5), 6 * 1500)
    assert (run.took, run.mood) == (12 * 1500, "good")


def test_what_is_under_way_has_no_duration_and_what_a_run_left_ends_with_it() -> None:
    begun = (*STORY[:4],)
    assert [node.took for node in tree(records(begun)) if node.kind == "model"] == [None]
    ended = (*begun, ev.CancelAsked("bob"), ev.RunEnded(1, "cancelled"))
    (question,) = [node for node in tree(records(ended)) if node.kind == "model"]
    assert (question.status, question.took) == ("unfinished", 2 * 1500)


def test_a_step_that_was_asked_again_is_one_node_with_what_both_cost() -> None:
    events = (*STORY[:4], ev.ModelFailed("0", "down", nanos(0.01)), ev.ModelAsked("0"), *STORY[4:5])
    (question,) = [node for node in tree(records(events)) if node.kind == "model"]
    assert (question.status, question.cost) == ("ok", nanos(0.022))


def test_ids_mean_something_in_their_own_run_only() -> None:
    events = [*STORY, ev.MessageReceived("again"), ev.RunOpened(2, "react@1", "w1", BEGIN), ev.ModelAsked("0", say="?")]
    found = step(records(events), len(events))
    assert found is not None
    assert [record["seq"] for record in found.records] == [len(events)]
    assert sum(node.kind == "model" for node in tree(records(events))) == 3


def test_a_question_shows_the_conversation_it_went_with_and_the_tools_on_offer() -> None:
    found = step(records(STORY), 13)
    assert found is not None
    assert [message["kind"] for message in found.messages if isinstance(message, dict)] == [
        "UserMessage",
        "AssistantMessage",
        "ToolMessage",
    ]
    assert found.offer == ("look", "refund")
    assert [record["kind"] for record in found.records] == ["ModelAsked", "ModelAnswered"]


def test_a_call_has_all_that_was_said_of_it_and_what_the_model_wanted() -> None:
    found = step(records(STORY), 6)
    assert found is not None
    assert [record["kind"] for record in found.records] == [
        "Judged",
        "ApprovalAsked",
        "ApprovalGiven",
        "EffectStarted",
        "EffectEnded",
    ]
    assert found.call == msgspec.to_builtins({"tool": "refund", "args": REFUND.args, "id": "c1_0_0",
                                              "malformed": "", "problem": ""})  # fmt: skip


def test_a_run_is_its_life_and_not_its_steps() -> None:
    found = step(records(STORY), 3)
    assert found is not None
    assert [record["kind"] for record in found.records] == ["RunOpened", "RunSuspended", "RunResumed", "RunEnded"]


@pytest.mark.parametrize("seq", [0, -1, len(STORY) + 1])
def test_there_is_nothing_at_an_event_that_there_is_not(seq: int) -> None:
    assert step(records(STORY), seq) is None
    assert moment(records(STORY), seq) is None


def test_the_state_at_an_event_is_as_it_was_then() -> None:
    asleep = moment(records(STORY), 8)
    assert asleep is not None
    assert (asleep.status, asleep.run, asleep.spent_usd) == ("waiting: approval", 1, 0.012)
    assert [(call.tool, call.status) for call in asleep.calls] == [("refund", "asked")]
    over = moment(records(STORY), len(STORY))
    assert over is not None
    assert (over.status, over.run, over.calls, over.spent_usd) == ("done", None, (), 0.512)
    unread = moment(records(STORY), 2)
    assert unread is not None
    assert unread.inbox == ("Refund order A1",)


@given(st.lists(st.sampled_from(SAMPLES), max_size=40))
def test_any_events_make_a_tree_whose_parents_come_first(events: list[ev.Event]) -> None:
    nodes = tree(records([OPENED, *events]))
    assert all(node.parent < place for place, node in enumerate(nodes))
    assert all(node.took is None or node.took >= 0 for node in nodes)
    assert all(len(node.text) <= 80 for node in nodes)


def test_every_kind_of_event_can_be_shown_as_a_step() -> None:
    samples = sorted(SAMPLES, key=lambda sample: isinstance(sample, ev.RunEnded | ev.SessionClosed))
    laid = records([OPENED, *samples])
    for place in range(len(samples)):
        found = step(laid, place + 2)
        assert found is not None
        assert any(record["seq"] == place + 2 for record in found.records)
