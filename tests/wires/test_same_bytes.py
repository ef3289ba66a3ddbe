"""The same bytes, read by our clients and by the official SDKs: the same text, calls, usage, stop and reasoning.

What differs by design:
- calls have no ids of the provider's, because the runtime names them itself: a model may repeat an id;
- arguments that are no JSON object are kept as they came, where the SDKs leave parsing to their users;
- a refusal is the text, with the stop `filter`, where the SDKs have a field of its own for it;
- usage is one type for all wires, and its input counts what was cached;
- reasoning keeps what the provider wants back, in the provider's own form (compared here is its text);
- an answer whose end is missing is an error, and so is each refusal, of a class of its own: see `test_same_errors.py`.
"""

import string
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import settings as trials
from hypothesis import strategies as st
from tests.testing.server.sdk_values import WIRES, Wire
from tests.wires.clients import TOOL, our_reply, plain, their_reply

from remit.core.messages import Call, Stop, Usage
from remit.core.ports import Reply
from remit.core.values import JsonObject
from remit.testing import calls, says, use
from remit.testing.server import (
    DuplicatedCallIds,
    EmptyAnswer,
    EnormousAnswer,
    Faulty,
    Item,
    ModelServer,
    Refused,
    SlowDrip,
    UnknownTool,
    WrongArguments,
)

BOTH = pytest.mark.parametrize("stream", [True, False], ids=["streamed", "whole"])
EVERY = pytest.mark.parametrize("wire", WIRES)

REPLIES: Mapping[str, Item] = {
    "text": says("hello, world"),
    "spaces": says("  first\n\n\tsecond  \n"),
    "blanks alone": says("   "),
    "unicode": says("até 日本 🎉 e\u0301\u2028 \u0000 \ufeff end"),
    "what looks like a stream": says("data: [DONE]\n\nevent: error\ndata: {}\n\n: ping\r\n"),
    "what looks like JSON": says('{"choices": [{"delta": {"content": "\\ud83c"}}]}'),
    "a long text": says("word " * 2_000),
    "one call": calls(use(TOOL, city="Tokyo")),
    "parallel calls": calls(use(TOOL, n=1), use("other", deep=[1, {"a": [None, True, 1.5e300]}]), use(TOOL, n=1)),
    "text and calls": says("Let me look.", use(TOOL, city="São Paulo", note='a "quote" \\ and \n a line')),
    "no arguments": calls(use(TOOL), use(TOOL)),
    "long arguments": calls(use(TOOL, text="日" * 30_000)),
    "big numbers": calls(use(TOOL, n=2**63 - 1, m=-(2**63), x=0.1)),
    "broken arguments": calls(Call(TOOL, {}, malformed='{"city": "Tok')),
    "arguments that are a list": calls(Call(TOOL, {}, malformed="[1, 2]")),
    "reasoning": Reply("So it is.", reasoning="First this,\nthen that — até."),
    "reasoning and calls": Reply("", (use(TOOL, n=1), use(TOOL, n=2)), reasoning="I must look."),
    "reasoning nobody may read": Reply("ok", reasoning={"text": "this may be read", "redacted": "this not"}),
    "usage": Reply("ok", usage=Usage(1000, 200, 600, 300, 150)),
    "usage of sound": Reply("ok", usage=Usage(100, 50, 10, 0, 5, 30, 20)),
    "cut off": Reply("and then the", stop="length"),
    "cut off in a call": Reply("", (Call(TOOL, {}, malformed='{"city": "Tok'),), stop="length"),
    "filtered": Reply("half of it", stop="filter"),
    "a refusal": Faulty(says("I cannot help with that."), Refused()),
    "nothing": EmptyAnswer(),
    "twins": Faulty(calls(use(TOOL, n=1), use(TOOL, n=2)), DuplicatedCallIds()),
    "an unknown tool": Faulty(calls(use(TOOL, n=1)), UnknownTool()),
    "wrong arguments": Faulty(calls(use(TOOL, n=1)), WrongArguments()),
    "large events": EnormousAnswer(1_000_000, 200_000),
    "drips of seven bytes": Faulty(says("drip — até 日本", use(TOOL, at="été")), SlowDrip(0, 7)),
    "drips of one byte": Faulty(Reply("é", (use(TOOL, at="é"),), reasoning="hm"), SlowDrip(0, 1)),
}


async def same(item: Item, wire: Wire, *, stream: bool) -> None:
    """Hold that our client and the SDK read the same."""
    async with ModelServer(lambda received: item(received) if callable(item) else item, usage=Usage(7, 3)) as server:
        theirs = await their_reply(wire, server.url, stream=stream)
        ours = await our_reply(wire, server.url, stream=stream)
    assert plain(ours) == theirs


@BOTH
@EVERY
@pytest.mark.parametrize("name", REPLIES)
async def test_our_client_reads_what_the_sdk_reads(*, name: str, wire: Wire, stream: bool) -> None:
    await same(REPLIES[name], wire, stream=stream)


# -- any reply at all --------------------------------------------------------------------------------------------------

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
NAMES = st.text(string.ascii_letters + string.digits + "_-", min_size=1, max_size=20)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.recursive(
    SCALARS | WORDS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3)
)
ARGUMENTS: st.SearchStrategy[JsonObject] = st.dictionaries(WORDS, VALUES, max_size=4)
COUNTS = st.integers(0, 10**6)


@st.composite
def replies(draw: st.DrawFn) -> Reply:
    """Make a reply as a provider may give one: the parts of its usage fit into the whole."""
    wished = draw(st.lists(st.builds(Call, NAMES, ARGUMENTS), max_size=3))
    cached, written, reasoning = draw(COUNTS), draw(COUNTS), draw(COUNTS)
    usage = Usage(draw(COUNTS) + cached + written + 1, draw(COUNTS) + reasoning, cached, written, reasoning)
    stop: Stop = draw(st.sampled_from(["", "length", "filter"]))
    return Reply(draw(WORDS), tuple(wished), usage, stop, draw(st.none() | WORDS))


@EVERY
@trials(max_examples=40)
@given(reply=replies(), stream=st.booleans())
async def test_our_client_reads_any_reply_as_the_sdk_does(wire: Wire, reply: Reply, *, stream: bool) -> None:
    await same(reply, wire, stream=stream)
