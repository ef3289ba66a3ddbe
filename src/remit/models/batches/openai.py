"""Batches of OpenAI: a file of requests goes up, one of answers comes back within a day."""

import secrets as lots
from collections.abc import AsyncIterator, Mapping, Sequence

import msgspec

from remit.core.errors import ModelError
from remit.core.ports import Reply
from remit.models.batches.line import Line, joined
from remit.models.batches.port import BatchItem, BatchState, End, Sought, unanswered

_ENDS: Mapping[str, End] = {"completed": "", "failed": "failed", "expired": "expired", "cancelled": "cancelled"}
_EXPIRED = "batch_expired"
_CANCELLED = "batch_cancelled"
_SKEW = 600.0
"""Seconds by which the provider's clock may differ from ours."""


class _File(msgspec.Struct):
    id: str


class _Complaint(msgspec.Struct):
    message: str = ""
    code: str | None = None


class _Complaints(msgspec.Struct):
    data: list[_Complaint] | None = None


class _Batch(msgspec.Struct):
    id: str
    status: str
    created_at: float = 0.0
    errors: _Complaints | None = None
    metadata: dict[str, str] | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None


class _Listed(msgspec.Struct):
    data: list[_Batch]
    has_more: bool = False


class _Response(msgspec.Struct):
    status_code: int
    body: msgspec.Raw


class _Result(msgspec.Struct):
    custom_id: str
    response: _Response | None = None
    error: _Complaint | None = None


class OpenAIBatches:
    """The batches of an OpenAI account, for the chat completions and the responses wire."""

    def __init__(self, line: Line, *, prefix: str = "/v1") -> None:
        """Speak over `line`; `prefix` is the path of its base URL, as the endpoint in a batch is named with it."""
        self._line = line
        self._endpoint = f"{prefix}{line.wire.path}"

    async def submit(self, label: str, items: Sequence[BatchItem]) -> str:
        """See `Batches.submit`; the batch carries its label as metadata."""
        bodies = await self._line.written(items)
        lines = [
            joined({"custom_id": item.id, "method": "POST", "url": self._endpoint}, "body", body)
            for item, body in zip(items, bodies, strict=True)
        ]
        boundary = f"remit-{lots.token_hex(16)}"
        file = await self._line.call(
            "POST", "/files", _File, _form(boundary, b"\n".join(lines)), f"multipart/form-data; boundary={boundary}"
        )
        wanted = {
            "input_file_id": file.id,
            "endpoint": self._endpoint,
            "completion_window": "24h",
            "metadata": {"remit": label},
        }
        return (await self._line.call("POST", "/batches", _Batch, msgspec.json.encode(wanted))).id

    async def state(self, batch: str) -> BatchState:
        """See `Batches.state`."""
        found = await self._batch(batch)
        said = "; ".join(each.message for each in (found.errors.data or ())[:3]) if found.errors else ""
        return BatchState(found.status in _ENDS, _ENDS.get(found.status, ""), said)

    async def results(self, batch: str) -> AsyncIterator[tuple[str, Reply | ModelError]]:
        """See `Batches.results`."""
        found = await self._batch(batch)
        for file in (found.output_file_id, found.error_file_id):
            if file:
                async for result in self._line.read(f"/files/{file}/content", _Result):
                    yield result.custom_id, self._answer(result)

    async def find(self, sought: Sought) -> str | None:
        """See `Batches.find`."""
        after = ""
        while True:
            listed = await self._line.call("GET", f"/batches?limit=100{after}", _Listed)
            for batch in listed.data:
                if (batch.metadata or {}).get("remit") == sought.label:
                    return batch.id
            # The newest come first.
            if not listed.has_more or not listed.data or listed.data[-1].created_at < sought.since - _SKEW:
                return ""
            after = f"&after={listed.data[-1].id}"

    async def _batch(self, batch: str) -> _Batch:
        return await self._line.call("GET", f"/batches/{batch}", _Batch)

    def _answer(self, result: _Result) -> Reply | ModelError:
        if result.response is not None:
            body = bytes(result.response.body)
            if result.response.status_code == 200:
                return self._line.reply(body)
            return self._line.wire.error(result.response.status_code, {}, body)
        said = result.error or _Complaint()
        ends: Mapping[str | None, End] = {_EXPIRED: "expired", _CANCELLED: "cancelled"}
        return unanswered(ends.get(said.code, ""), said.message)


def _form(boundary: str, file: bytes) -> bytes:
    """Write a form with the file and what it is for (RFC 7578)."""
    mark = f"--{boundary}\r\ncontent-disposition: form-data; name="
    purpose = f'{mark}"purpose"\r\n\r\nbatch\r\n'
    head = f'{mark}"file"; filename="batch.jsonl"\r\ncontent-type: application/jsonl\r\n\r\n'
    return b"".join((purpose.encode(), head.encode(), file, f"\r\n--{boundary}--\r\n".encode()))
