"""Batches of Anthropic: many messages in one request, their answers as a stream of lines within a day."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime

import msgspec

from remit.core.errors import ModelError
from remit.core.ports import Reply
from remit.models.batches.line import Line, joined, read_line
from remit.models.batches.port import BatchItem, BatchState, Sought, unanswered

_SKEW = 600.0
"""Seconds by which the provider's clock may differ from ours."""

_STATUSES: Mapping[str, int] = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""The status that goes with each type of error: https://docs.anthropic.com/en/api/errors."""


class _Batch(msgspec.Struct):
    id: str
    processing_status: str
    created_at: datetime = datetime.fromtimestamp(0, UTC)
    request_counts: dict[str, int] = {}


class _Listed(msgspec.Struct):
    data: list[_Batch]
    has_more: bool = False
    last_id: str | None = None


class _Named(msgspec.Struct):
    type: str = ""


class _Envelope(msgspec.Struct):
    error: _Named


class _Outcome(msgspec.Struct):
    type: str
    message: msgspec.Raw = msgspec.Raw(b"{}")
    error: msgspec.Raw = msgspec.Raw(b"{}")


class _Result(msgspec.Struct):
    custom_id: str
    result: _Outcome


class AnthropicBatches:
    """The message batches of an Anthropic account."""

    def __init__(self, line: Line) -> None:
        """Speak over `line`, whose wire is Anthropic's."""
        self._line = line
        self._path = f"{line.wire.path}/batches"

    async def submit(self, label: str, items: Sequence[BatchItem]) -> str:
        """See `Batches.submit`; the ids of the items carry the label, as nothing else can."""
        bodies = await self._line.written(items)
        lines = [joined({"custom_id": item.id}, "params", body) for item, body in zip(items, bodies, strict=True)]
        body = b'{"requests":[' + b",".join(lines) + b"]}"
        return (await self._line.call("POST", self._path, _Batch, body)).id

    async def state(self, batch: str) -> BatchState:
        """See `Batches.state`."""
        found = await self._line.call("GET", f"{self._path}/{batch}", _Batch)
        return BatchState(found.processing_status == "ended")

    async def results(self, batch: str) -> AsyncIterator[tuple[str, Reply | ModelError]]:
        """See `Batches.results`."""
        async for result in self._line.read(f"{self._path}/{batch}/results", _Result):
            yield result.custom_id, self._answer(result.result)

    async def find(self, sought: Sought) -> str | None:
        """See `Batches.find`; what is in a batch can be seen only when it has ended."""
        after, later = "", False
        while True:
            listed = await self._line.call("GET", f"{self._path}?limit=100{after}", _Listed)
            for batch in listed.data:
                if not _may_be(batch, sought):
                    continue
                if batch.processing_status != "ended":
                    later = True
                elif await self._holds(batch.id, sought.label):
                    return batch.id
            # The newest come first.
            done = not listed.data or listed.data[-1].created_at.timestamp() < sought.since - _SKEW
            if done or not listed.has_more or not listed.last_id:
                return None if later else ""
            after = f"&after_id={listed.last_id}"

    async def _holds(self, batch: str, label: str) -> bool:
        async with aclosing(self._line.lines(f"{self._path}/{batch}/results")) as lines:
            async for line in lines:
                return read_line(line, _Result).custom_id.startswith(f"{label}_")
        return False

    def _answer(self, outcome: _Outcome) -> Reply | ModelError:
        match outcome.type:
            case "succeeded":
                return self._line.reply(bytes(outcome.message))
            case "errored":
                body = bytes(outcome.error)
                return self._line.wire.error(_STATUSES.get(read_line(body, _Envelope).error.type, 400), {}, body)
            case "expired":
                return unanswered("expired")
            case "canceled":
                return unanswered("cancelled")
            case _:
                return unanswered("", f"a result of type {outcome.type!r}")


def _may_be(batch: _Batch, sought: Sought) -> bool:
    if batch.id in sought.known or batch.created_at.timestamp() < sought.since - _SKEW:
        return False
    return sum(batch.request_counts.values()) == sought.size
