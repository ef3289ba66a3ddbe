"""Fragments: bodies are joined from what was written before, and are what they would be without it."""

import asyncio
import json
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.models.wires.canned import Counting, Kept
from tests.models.wires.conversations import BLOBS, CITIES, CITY, WEATHER, conversations, prefix, raw, turns

from remit.core.errors import JournalError, ModelRequestError
from remit.core.messages import AssistantMessage, Call, Message, Outcome, Part, ToolMessage, UserMessage
from remit.core.ports import Request
from remit.core.values import JsonValue
from remit.models.wires.anthropic import AnthropicMessages
from remit.models.wires.fragments import Bodies, answered
from remit.models.wires.openai_chat import OpenAIChat
from remit.models.wires.openai_responses import OpenAIResponses
from remit.models.wires.port import Wire

WIRES: dict[str, Wire] = {"chat": OpenAIChat("gpt-5"), "responses": OpenAIResponses("gpt-5")}
NO_REASONING: st.SearchStrategy[JsonValue] = st.none()
TOOLS = (WEATHER,)


def plain(message: Message) -> Message:
    """Leave out what not every wire takes."""
    return (
        UserMessage(message.text, message.parts[:1] and (Part("image/png", "pixel"),))
        if isinstance(message, UserMessage)
        else message
    )


TALKS = conversations(NO_REASONING).map(lambda messages: [plain(message) for message in messages])


@dataclass
class Talk:
    """A conversation that grows, with what was written of it."""

    wire: Wire = field(default_factory=lambda: OpenAIChat("gpt-5"))
    messages: list[Message] = field(default_factory=list[Message])
    memo: dict[object, object] = field(default_factory=dict[object, object])
    blobs: Kept = field(default_factory=lambda: Kept(BLOBS))

    def __post_init__(self) -> None:
        """Count what is written."""
        self.counting = Counting(self.wire)
        self.bodies = Bodies(self.counting)

    def request(self) -> Request:
        """Ask with all that was said."""
        return Request(self.messages, "Be brief.", TOOLS, memo=self.memo, blobs=self.blobs)

    async def body(self) -> bytes:
        """Write a body."""
        return await self.bodies.body(self.request(), stream=True)


def said(number: int) -> list[Message]:
    """One step of an agent."""
    call = f"c1_{number}_0"
    return [
        AssistantMessage("let me see", (Call("weather", {"city": "Rome"}, call),)),
        ToolMessage(Outcome(call, "ok", {"degrees": number}), "weather"),
    ]


@pytest.mark.parametrize("name", WIRES)
@settings(deadline=None, max_examples=60)
@given(messages=TALKS, data=st.data())
def test_a_body_is_the_same_whatever_was_written_before(
    name: str, messages: list[Message], data: st.DataObject
) -> None:
    wire = WIRES[name]
    stops = data.draw(st.lists(st.integers(1, len(messages)), max_size=6).map(sorted))
    talk = Talk(wire)
    grown: list[Message] = []
    bodies: list[bytes] = []
    for stop in [*stops, len(messages)]:
        grown.extend(messages[len(grown) : stop])
        talk.messages = grown
        bodies.append(asyncio.run(talk.body()))
        alone = Request(tuple(grown), "Be brief.", TOOLS, blobs=Kept(BLOBS))
        assert bodies[-1] == asyncio.run(Bodies(wire).body(alone, stream=True))
    whole = Request(messages, "Be brief.", TOOLS)
    assert bodies[-1] == raw(wire, whole)


@pytest.mark.parametrize("name", WIRES)
@settings(deadline=None, max_examples=60)
@given(messages=TALKS)
def test_all_but_the_last_turn_and_the_tail_is_a_prefix_of_the_next_body(name: str, messages: list[Message]) -> None:
    wire = WIRES[name]
    talk = Talk(wire)
    stable = b""
    for message in messages:
        talk.messages.append(message)
        body = asyncio.run(talk.body())
        assert body.startswith(stable), "what came before the last turn of the last body is no prefix of this one"
        older = [message for turn in turns(talk.messages)[:-1] for message in turn]
        stable = prefix(wire, Request(older, "Be brief.", TOOLS))
        assert body.startswith(stable)


async def test_no_call_writes_more_than_what_is_new() -> None:
    talk = Talk(messages=[UserMessage("go")])
    written: list[int] = []
    for number in range(200):
        before = talk.counting.messages
        await talk.body()
        written.append(talk.counting.messages - before)
        talk.messages += said(number)
    # The first call has one message, each other an answer and an outcome.
    assert written == [1] + [2] * 199
    assert talk.counting.frames == 1


async def test_asking_again_writes_nothing() -> None:
    talk = Talk(messages=[UserMessage("go"), *said(1)])
    first = await talk.body()
    before = talk.counting.turns
    assert await talk.body() == first
    assert talk.counting.turns == before


async def test_without_a_memo_everything_is_written_each_time() -> None:
    counting = Counting(OpenAIChat("gpt-5"))
    bodies = Bodies(counting)
    request = Request((UserMessage("go"), *said(1)))
    assert await bodies.body(request, stream=True) == await bodies.body(request, stream=True)
    assert counting.messages == 6


@pytest.mark.parametrize("change", ["shrunk", "first", "last", "another"])
async def test_another_conversation_under_the_same_memo_is_written_anew(change: str) -> None:
    talk = Talk(messages=[UserMessage("go"), *said(1), *said(2)])
    await talk.body()
    match change:
        case "shrunk":
            del talk.messages[2:]
        case "first":
            talk.messages[0] = UserMessage("stop")
        case "last":
            talk.messages[3:] = said(3)
        case _:
            talk.messages = [UserMessage("else"), *said(9), *said(8), *said(7)]
    alone = Request(tuple(talk.messages), "Be brief.", TOOLS)
    assert await talk.body() == await Bodies(talk.wire).body(alone, stream=True)
    talk.messages += said(5)
    alone = Request(tuple(talk.messages), "Be brief.", TOOLS)
    assert await talk.body() == await Bodies(talk.wire).body(alone, stream=True)


async def test_two_wires_share_a_memo_without_meeting() -> None:
    chat, responses = Talk(WIRES["chat"]), Talk(WIRES["responses"])
    responses.memo = chat.memo
    for talk in (chat, responses, chat, responses):
        talk.messages = [UserMessage("go"), *said(1), *said(2)]
        assert json.loads(await talk.body())["model"] == "gpt-5"
    assert b'"input":[' in await responses.body()
    assert b'"messages":[' in await chat.body()


async def test_heads_and_tails_are_written_once_for_each_way_to_ask() -> None:
    counting = Counting(OpenAIChat("gpt-5"))
    bodies = Bodies(counting)
    messages = (UserMessage("go"),)
    ways = [
        Request(messages),
        Request(messages, instructions="Be brief."),
        Request(messages, tools=TOOLS),
        Request(messages, shape=CITY),
        Request(messages, shape=CITIES),
        Request(messages, max_output=1),
    ]
    for _ in range(3):
        found = {await bodies.body(way, stream=stream) for way in ways for stream in (True, False)}
        assert len(found) == 12
        assert counting.frames == 12
    for number in range(200):
        await bodies.body(Request(messages, max_output=number + 2), stream=True)
    assert counting.frames == 212
    assert len(vars(bodies)["_frames"]) <= 32


async def test_a_request_in_which_nobody_said_anything_is_refused() -> None:
    with pytest.raises(ModelRequestError, match="at least one message"):
        await Bodies(OpenAIChat("gpt-5")).body(Request(()), stream=True)


# -- parts -------------------------------------------------------------------------------------------------------------

SEEN = UserMessage(
    "see", (Part("image/png", "pixel"), Part("image/png", "pixel"), Part("image/png", url="https://a.b"))
)


async def test_the_bytes_of_a_part_are_fetched_once() -> None:
    talk = Talk(messages=[SEEN])
    bodies = [await talk.body()]
    for number in range(3):
        talk.messages += said(number)
        bodies.append(await talk.body())
    assert talk.blobs.fetched == ["pixel"]
    assert all(body.count(b"iVBORw0KGgo") == 2 for body in bodies)


async def test_a_run_that_grew_is_written_again_with_its_parts() -> None:
    talk = Talk(messages=[SEEN])
    await talk.body()
    talk.messages.append(UserMessage("and now?"))
    assert (await talk.body()).count(b"iVBORw0KGgo") == 2
    assert talk.blobs.fetched == ["pixel", "pixel"]


async def test_questions_at_the_same_time_get_the_same_body() -> None:
    talk = Talk(messages=[UserMessage("go"), *said(1), SEEN])
    talk.blobs.gate = asyncio.Barrier(3)
    bodies = await asyncio.gather(*(talk.body() for _ in range(3)))
    alone = Request(tuple(talk.messages), "Be brief.", TOOLS, blobs=Kept(BLOBS))
    assert set(bodies) == {await Bodies(talk.wire).body(alone, stream=True)}
    talk.messages += said(2)
    assert (await talk.body()).startswith(bodies[0][: bodies[0].rindex(b"]}],") + 2])


async def test_a_part_that_cannot_be_had_is_a_request_that_cannot_be_made() -> None:
    talk = Talk(messages=[SEEN])
    talk.blobs.error = JournalError("no blob 'pixel'")
    with pytest.raises(ModelRequestError, match=r"image/png.*no blob"):
        await talk.body()
    with pytest.raises(ModelRequestError, match="without blobs"):
        await talk.bodies.body(Request((SEEN,)), stream=True)


async def test_a_part_that_the_wire_refuses_leaves_what_was_written_as_it_was() -> None:
    talk = Talk(messages=[UserMessage("go"), *said(1)])
    before = await talk.body()
    talk.messages += [UserMessage("see", (Part("video/mp4", "pixel"),)), AssistantMessage("?")]
    for _ in range(2):
        with pytest.raises(ModelRequestError, match="video/mp4"):
            await talk.body()
    del talk.messages[3:]
    assert await talk.body() == before


# -- calls and their outcomes ------------------------------------------------------------------------------------------

WISH = AssistantMessage("", (Call("a", {}, "c1"), Call("b", {}, "c2")))
FIRST, SECOND = ToolMessage(Outcome("c1", "ok", 1), "a"), ToolMessage(Outcome("c2", "ok", 2), "b")
MISSING = ToolMessage(Outcome("c1", "failed", "not run"), "a")
HI = UserMessage("hi")


@pytest.mark.parametrize(
    ("before", "run", "said"),
    [
        (WISH, [FIRST, SECOND], [FIRST, SECOND]),
        (WISH, [SECOND, HI, FIRST], [FIRST, SECOND, HI]),
        (WISH, [HI, SECOND], [MISSING, SECOND, HI]),
        (WISH, [FIRST, SECOND, FIRST], [FIRST, SECOND]),
        (None, [HI], [HI]),
        (None, [], []),
        (None, [FIRST], [UserMessage("a ended: 1")]),
        (AssistantMessage("no calls"), [FIRST, HI], [UserMessage("a ended: 1"), HI]),
    ],
)
def test_every_call_has_its_outcome_and_every_outcome_its_call(
    before: AssistantMessage | None, run: list[Message], said: list[Message]
) -> None:
    assert list(answered(before, run)) == said


async def test_calls_that_a_strategy_never_made_do_not_spoil_the_conversation() -> None:
    talk = Talk(messages=[HI, WISH, WISH, HI])
    roles = [message["role"] for message in json.loads(await talk.body())["messages"]]
    assert roles == ["system", "user", "assistant", "tool", "tool", "assistant", "tool", "tool", "user"]
    talk.messages[3:] = []
    assert json.loads(await talk.body())["messages"][-1]["content"] == "not run"


async def test_a_question_that_waited_for_its_parts_is_not_put_to_the_other_conversation() -> None:
    waiting, quick = Talk(messages=[SEEN]), Kept(BLOBS)
    waiting.blobs.gate = asyncio.Barrier(2)
    slow = asyncio.create_task(waiting.body())
    await asyncio.sleep(0)
    assert waiting.blobs.fetched == ["pixel"]
    other = Request([SEEN, AssistantMessage("a dot"), HI], "Be brief.", TOOLS, memo=waiting.memo, blobs=quick)
    await waiting.bodies.body(other, stream=True)
    gate, waiting.blobs.gate = waiting.blobs.gate, None
    await gate.wait()
    alone = Request((SEEN,), "Be brief.", TOOLS, blobs=Kept(BLOBS))
    assert await slow == await Bodies(waiting.wire).body(alone, stream=True)


@pytest.mark.parametrize("wire", [*WIRES.values(), AnthropicMessages("claude-opus-4-6")], ids=lambda wire: wire.name)
async def test_a_model_neither_begins_a_conversation_nor_has_the_last_word(wire: Wire) -> None:
    talk = Talk(wire, [AssistantMessage("hello"), AssistantMessage("anybody?")])
    field = "input" if wire.name == "openai-responses" else "messages"
    silent = await talk.body()
    spoken = [message for message in json.loads(silent)[field] if message["role"] != "system"]
    assert [message["role"] for message in spoken] == ["user", "assistant", "user", "assistant", "user"]
    talk.messages.append(AssistantMessage("well"))
    assert (await talk.body()).startswith(silent[: silent.index(b"anybody?") + 8])
