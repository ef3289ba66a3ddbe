"""Batches of providers, over a real connection to a server that speaks as they do."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest
from msgspec.structs import replace
from tests.models.wrappers.house import House
from tests.models.wrappers.timing import NEVER, instantly

from remit.core.errors import (
    AuthenticationError,
    ContextTooLongError,
    ModelError,
    ModelRequestError,
    ModelTimeoutError,
    OverloadedError,
    RateLimitError,
    UnreadableAnswerError,
)
from remit.core.messages import Call, Part, Usage, UserMessage
from remit.core.ports import Reply, Request, ToolSpec
from remit.models import FlatPrice
from remit.models.batches.anthropic import AnthropicBatches
from remit.models.batches.line import Line
from remit.models.batches.notebook import Notebook
from remit.models.batches.openai import OpenAIBatches
from remit.models.batches.port import Batches, BatchItem, BatchState, Sought, UnfitError
from remit.models.http.pooled import Pooled
from remit.models.http.port import Exchange, Timeouts, Transport
from remit.models.wires.anthropic import AnthropicMessages
from remit.models.wires.openai_chat import OpenAIChat
from remit.models.wires.openai_responses import OpenAIResponses
from remit.models.wires.port import Wire
from remit.models.wrappers import Batched, Waits
from remit.testing import ScriptedModel, says, use
from remit.testing.server import ContextTooLong, Hang, ModelServer, Overloaded, RateLimited

Name = Literal["chat", "responses", "anthropic"]
NAMES: tuple[Name, ...] = ("chat", "responses", "anthropic")
MOMENT = 1_760_000_000.0
"""When all that the server makes was made."""
LABEL = "0123456789abcdef"
LOOK = ToolSpec(name="look", description="Looks.", schema={"type": "object", "properties": {"at": {"type": "string"}}})


@pytest.fixture
async def transport() -> AsyncIterator[Transport]:
    """Connections for one test."""
    pooled = Pooled()
    yield pooled
    await pooled.close()


def batches(name: Name, server: ModelServer, transport: Transport, key: str = "sk-secret-key") -> Batches:
    wires: dict[Name, Wire] = {
        "chat": OpenAIChat("test-model"),
        "responses": OpenAIResponses("test-model"),
        "anthropic": AnthropicMessages("test-model"),
    }
    line = Line(wires[name], f"{server.url}/v1", lambda: key, transport)
    return AnthropicBatches(line) if name == "anthropic" else OpenAIBatches(line)


def items(*texts: str) -> list[BatchItem]:
    return [
        BatchItem(f"{LABEL}_{place}", Request((UserMessage(text),), tools=(LOOK,))) for place, text in enumerate(texts)
    ]


async def done(provider: Batches, batch: str) -> BatchState:
    while not (state := await provider.state(batch)).ended:
        pass
    return state


async def collected(provider: Batches, batch: str) -> dict[str, Reply | ModelError]:
    return {name.removeprefix(f"{LABEL}_"): answer async for name, answer in provider.results(batch)}


@pytest.mark.parametrize("name", NAMES)
async def test_answers_come_back_to_their_questions(name: Name, transport: Transport) -> None:
    usage = Usage(100, 7)
    replies = [says("one", use("look", at="it")), says("two")]
    async with ModelServer(replies, usage=usage) as server:
        provider = batches(name, server, transport)
        batch = await provider.submit(LABEL, items("first", "second"))
        assert not (await provider.state(batch)).ended
        assert await done(provider, batch) == BatchState(ended=True)
        answers = await collected(provider, batch)
    one, two = answers["0"], answers["1"]
    assert isinstance(one, Reply)
    assert isinstance(two, Reply)
    assert (one.text, one.calls, two.text) == ("one", (Call("look", {"at": "it"}),), "two")
    assert (two.usage.input, two.usage.output) == (100, 7)


@pytest.mark.parametrize("name", NAMES)
async def test_what_went_wrong_with_each_is_a_typed_error(name: Name, transport: Transport) -> None:
    async with ModelServer([ContextTooLong(), Overloaded(), RateLimited(), Hang(), says("yes")]) as server:
        provider = batches(name, server, transport)
        batch = await provider.submit(LABEL, items(*"abcde"))
        await done(provider, batch)
        answers = await collected(provider, batch)
    expected = [ContextTooLongError, OverloadedError, RateLimitError, OverloadedError, Reply]
    assert [type(answers[str(place)]) for place in range(5)] == expected
    assert "did not get to this request in time" in str(answers["3"])


@pytest.mark.parametrize("name", NAMES)
async def test_a_batch_is_found_by_its_label(name: Name, transport: Transport) -> None:
    async with ModelServer([says("yes")] * 9) as server:
        provider = batches(name, server, transport)
        mine = await provider.submit(LABEL, items("a", "b"))
        theirs = [replace(item, id=f"ffffffffffffffff{item.id[16:]}") for item in items("a", "b")]
        other = await provider.submit("ffffffffffffffff", theirs)
        await done(provider, mine)
        await done(provider, other)
        sought = Sought(LABEL, MOMENT, 2, frozenset())
        assert await provider.find(sought) == mine
        assert await provider.find(replace(sought, label="0" * 16)) == ""


async def test_at_openai_the_label_is_found_before_the_batch_has_ended(transport: Transport) -> None:
    async with ModelServer([says("yes")] * 300) as server:
        provider = batches("chat", server, transport)
        mine = await provider.submit(LABEL, items("a"))
        for _ in range(101):
            await provider.submit("ffffffffffffffff", items("a"))
        assert await provider.find(Sought(LABEL, MOMENT, 1, frozenset())) == mine
        # What is older than the intent cannot be it, so nobody reads on.
        assert await provider.find(Sought(LABEL, MOMENT + 86_400, 1, frozenset())) == ""


async def test_at_anthropic_it_cannot_be_told_before_all_that_it_may_be_have_ended(transport: Transport) -> None:
    async with ModelServer([says("yes")] * 9) as server:
        provider = batches("anthropic", server, transport)
        batch = await provider.submit(LABEL, items("a", "b"))
        sought = Sought(LABEL, MOMENT, 2, frozenset())
        assert await provider.find(sought) is None
        assert await provider.find(replace(sought, size=3)) == ""
        assert await provider.find(replace(sought, known={batch})) == ""
        assert await provider.find(replace(sought, since=MOMENT + 86_400)) == ""
        await done(provider, batch)
        assert await provider.find(sought) == batch


@pytest.mark.parametrize("name", NAMES)
async def test_a_key_that_is_refused_is_in_no_message(name: Name, transport: Transport) -> None:
    async with ModelServer([], key="another") as server:
        provider = batches(name, server, transport)
        with pytest.raises(AuthenticationError) as raised:
            await provider.submit(LABEL, items("a"))
    assert "sk-secret-key" not in f"{raised.value!r} {provider!r}"


async def test_a_key_that_a_provider_says_back_is_taken_out() -> None:
    refusal = b'{"error":{"message":"Incorrect API key provided: sk-secret-key.","code":"invalid_api_key"}}'
    line = Line(OpenAIChat("m"), "http://x", lambda: "sk-secret-key", Canned(refusal, 99, 401))
    with pytest.raises(AuthenticationError, match=r"provided: \[key\]"):
        await OpenAIBatches(line).state("b")


@pytest.mark.parametrize("name", NAMES)
async def test_a_batch_nobody_made_is_a_request_that_cannot_succeed(name: Name, transport: Transport) -> None:
    async with ModelServer([]) as server:
        with pytest.raises(ModelRequestError):
            await batches(name, server, transport).state("batch_of_nobody")


async def test_a_batch_that_openai_did_not_take_says_why(transport: Transport) -> None:
    async with ModelServer([]) as server:
        provider = batches("chat", server, transport)
        batch = await provider.submit(LABEL, [*items("a"), *items("a")])
        state = await done(provider, batch)
        assert (state.end, "used twice" in state.said) == ("failed", True)
        assert await collected(provider, batch) == {}


@pytest.mark.parametrize("name", NAMES)
async def test_a_crash_after_handing_in_costs_nothing_twice(name: Name, transport: Transport, tmp_path: Path) -> None:
    model = ScriptedModel([], price=FlatPrice(1.0, 1.0), name="p:m")
    waits = Waits(most=1, sleep=lambda seconds: asyncio.sleep(0))
    request = Request((UserMessage("hello"),), session="s")
    async with ModelServer([says("yes")], usage=Usage(10, 2), polls=3) as server:
        provider = batches(name, server, transport)
        first = Batched(model, provider, Notebook(tmp_path / "b.db", clock=lambda: MOMENT), waits=waits)
        task = asyncio.create_task(first.complete(request, lambda _: None))
        # Sent, and not yet heard of again.
        await server.arrival(1 if name == "anthropic" else 2)
        task.cancel()
        await first.close()

        async def later(seconds: float) -> None:
            # Time goes by at the server with every look at a batch, and a list is none.
            if name == "anthropic":
                await provider.state("msgbatch_00000001")

        waits = Waits(most=1, sleep=later)
        second = Batched(model, provider, Notebook(tmp_path / "b.db", clock=lambda: MOMENT), waits=waits)
        reply = await second.complete(request, lambda _: None)
        await second.close()
        assert (reply.text, reply.hit, server.asked) == ("yes", False, 1)


async def test_a_batch_that_was_cancelled_says_so_for_each_request(transport: Transport) -> None:
    async with ModelServer([says("yes")] * 4) as server:
        for name in NAMES:
            if name == "responses":
                continue
            provider = batches(name, server, transport)
            batch = await provider.submit(LABEL, items("a", "b"))
            path = "/messages/batches" if name == "anthropic" else "/batches"
            wire: Wire = AnthropicMessages("m") if name == "anthropic" else OpenAIChat("m")
            await Line(wire, f"{server.url}/v1", lambda: "k", transport).call("POST", f"{path}/{batch}/cancel", dict)
            await done(provider, batch)
            answers = await collected(provider, batch)
            assert [type(answer) for answer in answers.values()] == [ModelRequestError] * 2
            assert all("was cancelled" in str(answer) for answer in answers.values())


RESULTS = b"""{"custom_id":"a","result":{"type":"odd"}}

{"custom_id":"b","result":{"type":"succeeded","message":{"content":[]}}}
{"custom_id":"c","result":{"type":"errored","error":{"type":"error","error":{"type":"new_error","message":"what"}}}}"""


class Canned:
    """A transport that answers everything with the same bytes, torn apart."""

    headers: Mapping[str, str] = {}

    def __init__(self, body: bytes, size: int, status: int = 200) -> None:
        """Give the body in pieces of this size."""
        self._body, self._size, self.status = body, size, status

    @asynccontextmanager
    async def send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes, timeouts: Timeouts
    ) -> AsyncGenerator[Exchange]:
        """Answer."""
        yield self

    async def pieces(self) -> AsyncGenerator[bytes]:
        """Give the pieces."""
        for place in range(0, len(self._body), self._size):
            yield self._body[place : place + self._size]

    async def read(self, limit: int) -> bytes:
        """Give all of it."""
        return self._body

    async def close(self) -> None:
        """Close nothing."""


@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_each_line_is_read_by_itself_however_the_file_comes(size: int) -> None:
    provider = AnthropicBatches(Line(AnthropicMessages("m"), "http://x", lambda: "", Canned(RESULTS, size)))
    answers = {name: answer async for name, answer in provider.results("b")}
    assert [type(answer) for answer in answers.values()] == [
        ModelTimeoutError,
        UnreadableAnswerError,
        ModelRequestError,
    ]


@pytest.mark.parametrize("body", [b"{", b'{"custom_id":"a"}', b"\xff"])
async def test_a_line_that_is_no_result_is_unreadable(body: bytes) -> None:
    provider = AnthropicBatches(Line(AnthropicMessages("m"), "http://x", lambda: "", Canned(body, 99)))
    with pytest.raises(UnreadableAnswerError, match="a line of the results cannot be read"):
        assert [one async for one in provider.results("b")] == []


async def test_a_line_without_end_is_not_read_for_ever() -> None:
    line = Line(AnthropicMessages("m"), "http://x", lambda: "", Canned(b"x" * (65 << 20), 1 << 20))
    with pytest.raises(UnreadableAnswerError, match="longer than 64 MiB"):
        assert [one async for one in line.lines("/file")] == []


async def test_lines_are_read_from_any_pieces_and_a_broken_one_is_no_answer(transport: Transport) -> None:
    async with ModelServer([says("x" * 200_000), says("y")]) as server:
        provider = batches("chat", server, transport)
        batch = await provider.submit(LABEL, items("a", "b"))
        await done(provider, batch)
        answers = await collected(provider, batch)
    assert [len(answer.text) for answer in answers.values() if isinstance(answer, Reply)] in (
        [1, 200_000],
        [200_000, 1],
    )


async def test_an_answer_that_is_none_is_unreadable(transport: Transport) -> None:
    async with ModelServer([]) as server:
        line = Line(OpenAIChat("m"), f"{server.url}/v1/", lambda: "k", transport)
        with pytest.raises(UnreadableAnswerError, match="GET /files was not answered as expected"):
            await line.call("GET", "/files", list[int])


@pytest.mark.parametrize("name", NAMES)
async def test_a_request_that_cannot_be_written_is_named_and_nothing_is_handed_in(
    name: Name, transport: Transport
) -> None:
    part = Part("video/mp4", url="https://example.com/v.mp4")
    odd = BatchItem(f"{LABEL}_9", Request((UserMessage("look", (part,)),)))
    async with ModelServer([]) as server:
        with pytest.raises(UnfitError, match="1 requests") as caught:
            await batches(name, server, transport).submit(LABEL, [*items("one"), odd])
        assert server.requests == []
    assert list(caught.value.errors) == [odd.id]


def waiting(house: House, folder: Path, most: int) -> Batched:
    """Hand in to a provider in memory, so many requests at once."""
    return Batched(
        house.model, house, Notebook(folder / "batches.db"), waits=Waits(window=NEVER, most=most, sleep=instantly)
    )


async def told(batched: Batched, *texts: str) -> list[Reply | BaseException]:
    """Ask all at the same time; give the answers and the errors."""
    asked = [batched.complete(Request((UserMessage(text),)), lambda _: None) for text in texts]
    found = await asyncio.gather(*asked, return_exceptions=True)
    await batched.close()
    return found


async def test_answers_beside_a_line_that_nobody_can_read_are_given_and_the_looking_ends(tmp_path: Path) -> None:
    house = House(ScriptedModel([says("yes")] * 100), missing=1, garbled=100)
    first, second = await told(waiting(house, tmp_path, 2), "one", "two")
    assert isinstance(first, UnreadableAnswerError)
    assert isinstance(second, Reply)
    assert house.garbled == 90


async def test_requests_that_cannot_be_written_fail_alone_and_the_others_go_out(tmp_path: Path) -> None:
    house = House(ScriptedModel([says("yes")] * 2), unfit=("two",))
    first, second, third = await told(waiting(house, tmp_path, 3), "one", "two", "three")
    assert isinstance(first, Reply)
    assert isinstance(second, ModelRequestError)
    assert isinstance(third, Reply)
    assert [len(batch) for batch in house.batches.values()] == [2]
