import asyncio
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remit.core.programs import Bounds, Interrupt
from remit.core.values import JsonObject, JsonValue
from remit.sandbox.conversation import Conversation

TOOLS = {"add": ("a", "b")}


class Recorded:
    """A line over which a process has said all that it says."""

    def __init__(self, said: bytes, *, ends: bool = True) -> None:
        self.said, self.heard, self.ends = said, b"", ends

    async def read(self, count: int) -> bytes:
        part, self.said = self.said[:count], self.said[count:]
        if not part and not self.ends:
            await asyncio.Event().wait()
        return part

    async def write(self, data: bytes) -> None:
        self.heard += data


def framed(*frames: object) -> bytes:
    bodies = [frame if isinstance(frame, bytes) else json.dumps(frame).encode() for frame in frames]
    return b"".join(struct.pack(">I", len(body)) + body for body in bodies)


async def add(_tool: str, arguments: JsonObject) -> JsonValue:
    a, b = arguments["a"], arguments["b"]
    assert isinstance(a, int)
    assert isinstance(b, int)
    return a + b


USUAL = Bounds()


async def followed(said: bytes, bounds: Bounds = USUAL, *, ends: bool = True) -> tuple[Conversation, Recorded]:
    line = Recorded(said, ends=ends)
    conversation = Conversation(line, bounds, TOOLS, add)
    await conversation.follow()
    return conversation, line


CALL = {"kind": "call", "id": 1, "tool": "add", "arguments": {"a": 1, "b": 2}}
DONE = {"kind": "done", "value": [1, None]}


async def test_a_call_is_answered_and_the_last_word_believed() -> None:
    conversation, line = await followed(framed(CALL, DONE))
    assert (conversation.verdict, conversation.believed(), conversation.calls) == (None, ("ok", ""), 1)
    assert json.loads(line.heard[4:]) == {"id": 1, "value": 3}


@pytest.mark.parametrize(
    "frames",
    [
        (CALL, CALL),
        (CALL | {"id": 2},),
        (CALL | {"id": -1},),
        (CALL | {"id": 10**30},),
        (CALL | {"tool": "remove"},),
        (CALL | {"arguments": {"c": 1}},),
        (CALL | {"arguments": [1]},),
        (CALL | {"more": 1},),
        (DONE, DONE),
        (DONE, CALL),
        (b"{}",),
        (b"\xff\xfe",),
        (b'{"kind":"done","value":"\\ud800"}',),
        (b'{"kind":"done","value":NaN}',),
        (b'{"kind":"done","value":' + b"9" * 40 + b"}",),
        (b'{"kind":"done","value":[{"a":' + b"1" * 25 + b"}]}",),
        (b'{"kind":"error","error":"","line":' + b"1" * 25 + b"}",),
        (b'{"kind":"done","value":' + b"[" * 100 + b"]" * 100 + b"}",),
        (b'{"kind":"done","value":' + b"[" * 20_000 + b"]" * 20_000 + b"}",),
    ],
    ids=range(19),
)
async def test_what_no_honest_process_sends_ends_the_program(frames: tuple[object, ...]) -> None:
    conversation, _ = await followed(framed(*frames))
    assert conversation.verdict is not None
    assert conversation.verdict[0] == "killed"


@given(st.binary(max_size=200))
async def test_whatever_is_sent_nothing_is_raised_and_only_a_whole_result_is_a_success(said: bytes) -> None:
    for sent in (said, framed(said)):
        conversation, _ = await followed(sent)
        assert conversation.verdict is not None or conversation.believed()[0] == "killed"


@given(st.recursive(st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.text(), st.lists, max_leaves=20))
async def test_every_value_that_can_be_kept_comes_through(value: JsonValue) -> None:
    conversation, _ = await followed(framed({"kind": "done", "value": value}))
    assert (conversation.verdict, conversation.believed()) == (None, ("ok", ""))


async def test_a_frame_that_says_it_is_large_is_not_waited_for() -> None:
    conversation, _ = await followed(b"\xff\xff\xff\xff", ends=False)
    assert conversation.verdict is not None
    assert conversation.verdict[0] == "output_limit"


async def test_half_a_frame_and_silence_are_no_result() -> None:
    for said in (b"", b"\0\0", framed(DONE)[:-1]):
        conversation, _ = await followed(said)
        assert conversation.believed()[0] == "killed"
    silent, _ = await followed(b"", Bounds(wall=0.05), ends=False)
    assert silent.verdict == ("timeout", "more than 0.05 s")
    lingering, _ = await followed(framed(DONE), Bounds(wall=0.05), ends=False)
    assert lingering.verdict is not None


async def test_what_a_tool_raises_is_told_even_when_it_is_no_text() -> None:
    async def broken(_tool: str, _arguments: JsonObject) -> JsonValue:
        raise ValueError("half \ud800")

    line = Recorded(framed(CALL, DONE))
    conversation = Conversation(line, Bounds(), TOOLS, broken)
    await conversation.follow()
    assert json.loads(line.heard[4:]) == {"id": 1, "error": "half ?"}
    assert conversation.believed() == ("ok", "")


async def test_after_an_interrupt_there_are_no_further_calls() -> None:
    async def interrupted(_tool: str, _arguments: JsonObject) -> JsonValue:
        raise Interrupt("wait for Ann")

    conversation = Conversation(Recorded(framed(CALL, CALL | {"id": 2})), Bounds(), TOOLS, interrupted)
    await conversation.follow()
    assert (conversation.verdict, conversation.calls) == (("killed", "interrupted: wait for Ann"), 1)


async def test_too_many_calls_end_the_program_before_the_one_too_many_is_made() -> None:
    conversation, _ = await followed(framed(CALL, CALL | {"id": 2}, CALL | {"id": 3}), Bounds(calls=2))
    assert (conversation.verdict, conversation.calls) == (("killed", "the program sent more than 2 calls"), 2)
