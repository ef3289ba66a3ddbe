"""Lengths: never fewer tokens than there may be, and each message measured once."""

from msgspec.structs import replace

from remit.core.messages import AssistantMessage, Call, Message, Outcome, Part, ToolMessage, UserMessage
from remit.core.ports import Request, ToolSpec
from remit.core.shape import shape
from remit.models.wrappers.lengths import bound, estimated

TOOL = ToolSpec(name="t", description="d", schema={"type": "object"})
TALK: list[Message] = [
    UserMessage("look", (Part("image/png", "b", tokens=1000),)),
    AssistantMessage("text", (Call("t", {"a": 1}, "c1"),)),
    ToolMessage(Outcome("c1", output="result"), "t"),
]
FULL = Request(TALK, "be brief", (TOOL,), shape(int))


def test_all_of_a_request_counts() -> None:
    assert bound(FULL) > 1000 + len('looktext{"a":1}resultbe briefd{"type":"object"}{"type":"integer"}')
    for smaller in (
        replace(FULL, instructions=""),
        replace(FULL, tools=()),
        replace(FULL, shape=None),
        replace(FULL, messages=TALK[:2]),
    ):
        assert bound(smaller) < bound(FULL)


def test_an_estimate_divides_words_and_takes_pictures_whole() -> None:
    assert 1000 < estimated(FULL) < 1000 + (bound(FULL) - 1000) // 2


def test_a_conversation_that_grows_is_measured_once() -> None:
    memo: dict[object, object] = {}
    for count in range(1, len(TALK) + 1):
        grown = replace(FULL, messages=TALK[:count], memo=memo)
        assert bound(grown) == bound(replace(grown, memo=None))
        assert estimated(grown) == estimated(replace(grown, memo=None))
    swapped: list[Message] = [*TALK[:2], UserMessage("much longer than what stood there before")]
    assert bound(replace(FULL, messages=swapped, memo=memo)) == bound(FULL)
    assert bound(replace(FULL, messages=TALK[:1], memo=memo)) == bound(replace(FULL, messages=TALK[:1]))
