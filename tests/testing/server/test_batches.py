"""Batches: the official SDKs submit, look, cancel and collect."""

import anthropic
import msgspec
import openai
import pytest
from anthropic.types.messages import MessageBatchIndividualResponse
from anthropic.types.messages.batch_create_params import Request
from tests.testing.server.sdk_values import anthropic_client, openai_client

from remit.core.values import JsonObject
from remit.testing import says
from remit.testing.server import CutStream, Faulty, Hang, Html, ModelServer, RateLimited
from remit.testing.server.batches.multipart import form

CHAT: JsonObject = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def jsonl(*rows: JsonObject) -> bytes:
    return b"\n".join(msgspec.json.encode(row) for row in rows)


def line(name: str, body: JsonObject | None = None, url: str = "/v1/chat/completions") -> JsonObject:
    return {"custom_id": name, "method": "POST", "url": url, "body": body or CHAT}


async def submitted(client: openai.AsyncOpenAI, content: bytes) -> str:
    """Upload a file and start a batch of it; give the batch's id."""
    file = await client.files.create(file=("work.jsonl", content), purpose="batch")
    batch = await client.batches.create(
        completion_window="24h", endpoint="/v1/chat/completions", input_file_id=file.id, metadata={"for": "us"}
    )
    assert (batch.status, batch.metadata, batch.output_file_id) == ("validating", {"for": "us"}, None)
    return batch.id


class Row(msgspec.Struct):
    """A line of an output or error file."""

    custom_id: str
    response: "Answered | None"
    error: dict[str, str] | None


class Answered(msgspec.Struct):
    """What a line says of the answer."""

    status_code: int
    body: msgspec.Raw


async def collected(client: openai.AsyncOpenAI, file: str | None) -> dict[str, Row]:
    assert file is not None
    content = await client.files.content(file)
    rows = [msgspec.json.decode(row, type=Row) for row in content.content.splitlines()]
    return {row.custom_id: row for row in rows}


def code(row: Row) -> str:
    """Say why a line was never answered."""
    assert row.error is not None
    return row.error["code"]


async def test_an_openai_batch_is_done_at_the_second_look_with_answers_and_errors_apart() -> None:
    script = [Faulty(says("one"), CutStream()), RateLimited(), says("three"), Html()]
    async with ModelServer(script) as server, openai_client(server.url) as client:
        rows = [line("a", {**CHAT, "stream": True}), line("b"), line("c"), line("d"), line("e", {"model": "m"})]
        name = await submitted(client, jsonl(*rows))
        assert (await client.batches.retrieve(name)).status == "in_progress"
        batch = await client.batches.retrieve(name)
        assert batch.status == "completed"
        assert batch.request_counts is not None
        assert (batch.request_counts.completed, batch.request_counts.failed) == (2, 3)
        good = await collected(client, batch.output_file_id)
        bad = await collected(client, batch.error_file_id)
        assert list(good) == ["c", "a"], "in an order that nobody promised"
        assert good["a"].response is not None
        assert good["a"].response.status_code == 200
        assert b'"content":"one"' in bytes(good["a"].response.body)
        statuses = {key: row.response.status_code for key, row in bad.items() if row.response is not None}
        assert statuses == {"e": 400, "d": 502, "b": 429}
        assert (await client.batches.retrieve(name)).status == "completed"
        assert [found.id async for found in client.batches.list()] == [name]
        with pytest.raises(openai.ConflictError):
            await client.batches.cancel(name)


async def test_an_openai_batch_may_be_cancelled_or_run_out_of_time() -> None:
    async with ModelServer([says("one"), says("two"), Hang()]) as server, openai_client(server.url) as client:
        name = await submitted(client, jsonl(line("a")))
        assert (await client.batches.cancel(name)).status == "cancelling"
        batch = await client.batches.retrieve(name)
        assert (batch.status, batch.output_file_id) == ("cancelled", None)
        assert code((await collected(client, batch.error_file_id))["a"]) == "batch_cancelled"
        name = await submitted(client, jsonl(line("b"), line("c")))
        await client.batches.retrieve(name)
        batch = await client.batches.retrieve(name)
        assert batch.status == "expired"
        assert list(await collected(client, batch.output_file_id)) == ["b"]
        assert code((await collected(client, batch.error_file_id))["c"]) == "batch_expired"


async def test_an_openai_batch_of_a_broken_file_fails_and_asks_nobody() -> None:
    async with ModelServer([]) as server, openai_client(server.url) as client:
        content = jsonl(line("a"), line("a"), line("b", url="/v1/responses")) + b"\n{broken\n[]"
        name = await submitted(client, content)
        batch = await client.batches.retrieve(name)
        assert batch.status == "failed"
        assert batch.errors is not None
        found = [(error.code, error.line) for error in batch.errors.data or []]
        assert found == [("duplicate_custom_id", 2), *(("invalid_json_line", number) for number in (3, 4, 5))]
        assert server.asked == 0


async def test_openai_files_are_kept_listed_and_deleted() -> None:
    async with ModelServer([]) as server, openai_client(server.url) as client:
        files = [await client.files.create(file=(f"{n}.jsonl", b"{}\r\n"), purpose="batch") for n in "abc"]
        assert (await client.files.content(files[0].id)).content == b"{}\r\n"
        assert (await client.files.retrieve(files[0].id)).filename == "a.jsonl"
        assert (await client.files.delete(files[0].id)).deleted
        another = await client.files.create(file=("d.jsonl", b""), purpose="batch")
        listed = [file.id async for file in client.files.list(limit=1)]
        assert listed == [files[1].id, files[2].id, another.id]
        assert len({file.id for file in (*files, another)}) == 4
        with pytest.raises(openai.NotFoundError, match="No such File"):
            await client.files.retrieve(files[0].id)
        with pytest.raises(openai.NotFoundError):
            await client.post(f"/files/{another.id}", cast_to=object)


async def test_openai_refuses_batches_that_cannot_be() -> None:
    async with ModelServer([]) as server, openai_client(server.url) as client:
        with pytest.raises(openai.BadRequestError, match=r"Must be \.jsonl"):
            await client.files.create(file=("work.txt", b"{}"), purpose="batch")
        other = await client.files.create(file=("work.txt", b"{}"), purpose="user_data")
        with pytest.raises(openai.BadRequestError, match="purpose 'batch'"):
            await client.batches.create(completion_window="24h", endpoint="/v1/responses", input_file_id=other.id)
        with pytest.raises(openai.BadRequestError, match="Invalid value: '/v1/embeddings'"):
            await client.batches.create(completion_window="24h", endpoint="/v1/embeddings", input_file_id=other.id)
        with pytest.raises(openai.BadRequestError, match="24h"):
            await client.batches.create(
                completion_window="24h",
                endpoint="/v1/responses",
                input_file_id=other.id,
                extra_body={"completion_window": "1h"},
            )
        with pytest.raises(openai.NotFoundError, match="No batch found"):
            await client.batches.retrieve("batch_x")
        for body in ({"purpose": "batch"}, {}):
            with pytest.raises(openai.BadRequestError, match="Missing required parameter: 'file'"):
                await client.post("/files", cast_to=object, body=body)


def test_a_form_is_read_and_what_is_none_is_empty() -> None:
    body = (
        b'--b\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n1\r\n\r\n2\r\n--b--\r\n'
    )
    fields = form('multipart/form-data; boundary="b"', body)
    assert fields["purpose"].body == b"batch"
    assert (fields["file"].body, fields["file"].filename) == (b"1\r\n\r\n2", "a.jsonl")
    assert form("application/json", body) == {}
    assert form("multipart/form-data", body) == {}
    assert form("multipart/form-data; boundary=b", b"--b\r\nno head") == {}


# -- Anthropic ---------------------------------------------------------------------------------------------------------


def work(name: str, words: str = "hi") -> Request:
    return {
        "custom_id": name,
        "params": {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": words}]},
    }


async def results(client: anthropic.AsyncAnthropic, name: str) -> dict[str, MessageBatchIndividualResponse]:
    return {row.custom_id: row async for row in await client.messages.batches.results(name)}


async def test_an_anthropic_batch_ends_at_the_second_look_with_a_result_each() -> None:
    script = [says("one"), RateLimited(), Hang(), Html()]
    async with ModelServer(script) as server, anthropic_client(server.url) as client:
        batches = client.messages.batches
        batch = await batches.create(requests=[work("a"), work("b"), work("c"), work("d"), work("e", "")])
        assert (batch.processing_status, batch.request_counts.processing, batch.results_url) == ("in_progress", 5, None)
        assert (await batches.retrieve(batch.id)).processing_status == "in_progress"
        ended = await batches.retrieve(batch.id)
        assert ended.processing_status == "ended"
        counts = ended.request_counts
        assert (counts.succeeded, counts.errored, counts.expired, counts.processing) == (1, 3, 1, 0)
        found = await results(client, batch.id)
        assert list(found) == ["e", "d", "c", "b", "a"], "in an order that nobody promised"
        first = found["a"].result
        assert first.type == "succeeded"
        assert first.message.content[0].type == "text"
        assert first.message.content[0].text == "one"
        assert found["c"].result.type == "expired"
        kinds = [row.result.error.error.type for row in found.values() if row.result.type == "errored"]
        assert kinds == ["invalid_request_error", "api_error", "rate_limit_error"]
        assert [row.id async for row in batches.list()] == [batch.id]
        assert (await batches.delete(batch.id)).id == batch.id
        with pytest.raises(anthropic.NotFoundError):
            await batches.retrieve(batch.id)


async def test_an_anthropic_batch_may_be_cancelled() -> None:
    async with ModelServer([says("one")], polls=9) as server, anthropic_client(server.url) as client:
        batches = client.messages.batches
        batch = await batches.create(requests=[work("a")])
        with pytest.raises(anthropic.BadRequestError, match="while in_progress"):
            await batches.delete(batch.id)
        raw = await client.get(f"/v1/messages/batches/{batch.id}", cast_to=object)
        assert "in_progress" in str(raw)
        with pytest.raises(anthropic.NotFoundError, match="not available yet"):
            await client.get(f"/v1/messages/batches/{batch.id}/results", cast_to=object)
        assert (await batches.cancel(batch.id)).processing_status == "canceling"
        ended = await batches.retrieve(batch.id)
        assert (ended.processing_status, ended.request_counts.canceled) == ("ended", 1)
        assert (await batches.cancel(batch.id)).processing_status == "ended"
        assert (await results(client, batch.id))["a"].result.type == "canceled"


@pytest.mark.parametrize(
    ("requests", "match"),
    [
        ([], "requests: Field required"),
        ([{"custom_id": "a"}], "requests.0"),
        (["a"], "requests.0"),
        ([work("a"), work("a")], "custom_id must be unique"),
    ],
)
async def test_anthropic_refuses_batches_that_cannot_be(requests: list[Request], match: str) -> None:
    async with ModelServer([]) as server, anthropic_client(server.url) as client:
        with pytest.raises(anthropic.BadRequestError, match=match):
            await client.messages.batches.create(requests=[], extra_body={"requests": requests})
