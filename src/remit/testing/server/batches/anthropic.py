"""Anthropic message batches: requests in one body, and results as JSON lines when it has ended."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from remit.core.values import JsonObject, JsonValue
from remit.testing.server.batches.port import Play, decoded, lines
from remit.testing.server.dialects.anthropic_errors import error
from remit.testing.server.dialects.port import Answer, Dialect
from remit.testing.server.http import Received
from remit.testing.server.local import json

_PATH = "/v1/messages/batches"
_CREATED, _ENDED, _EXPIRES = "2025-10-09T08:53:20Z", "2025-10-09T08:54:20Z", "2025-10-10T08:53:20Z"


@dataclass(slots=True)
class _Batch:
    id: str
    results: Sequence[tuple[str, Answer | None]]
    polls: int
    """How often it still says that it is not done."""
    status: str = "in_progress"
    cancelled: bool = False


class AnthropicBatches:
    """Message batches, in memory."""

    def __init__(self, dialect: Dialect, play: Play, polls: int) -> None:
        """A batch is done at the `polls`-th look after its creation."""
        self._dialect, self._play, self._polls = dialect, play, polls
        self._numbers = itertools.count(1)
        self._batches: dict[str, _Batch] = {}

    def answer(self, received: Received) -> Answer | None:
        """Answer a request about batches; `None` when it is about something else."""
        if received.path != _PATH and not received.path.startswith(f"{_PATH}/"):
            return None
        parts = [part for part in received.path.removeprefix(_PATH).split("/") if part]
        match received.method, parts:
            case "POST", []:
                return self._create(received)
            case "GET", []:
                data: list[JsonValue] = [_described(batch, received) for batch in reversed(self._batches.values())]
                return json({"data": data, "has_more": False, "first_id": None, "last_id": None})
            case method, [name, *rest] if name in self._batches:
                return self._batch(self._batches[name], method, rest, received)
            case _:
                return _refused("not_found_error", "Batch not found", 404)

    def _create(self, received: Received) -> Answer:
        requests = received.json.get("requests")
        if not isinstance(requests, list) or not requests:
            return _refused("invalid_request_error", "requests: Field required")
        todo: list[tuple[str, JsonObject]] = []
        for index, request in enumerate(requests):
            name = request.get("custom_id") if isinstance(request, dict) else None
            params = request.get("params") if isinstance(request, dict) else None
            if not isinstance(name, str) or not isinstance(params, dict) or not 0 < len(name) <= 64:
                return _refused("invalid_request_error", f"requests.{index}: custom_id and params are required")
            todo.append((name, params))
        if len({name for name, _ in todo}) < len(todo):
            return _refused("invalid_request_error", "requests: custom_id must be unique")
        results = [(name, self._play(received, self._dialect, params)) for name, params in todo]
        batch = _Batch(f"msgbatch_{next(self._numbers):08d}", results, self._polls)
        self._batches[batch.id] = batch
        return json(_described(batch, received))

    def _batch(self, batch: _Batch, method: str, rest: list[str], received: Received) -> Answer:
        match method, rest:
            case "GET", []:
                _look(batch)
                return json(_described(batch, received))
            case "POST", ["cancel"]:
                if batch.status == "in_progress":
                    batch.status, batch.cancelled = "canceling", True
                return json(_described(batch, received))
            case "GET", ["results"] if batch.status == "ended":
                # The order of a batch is nobody's promise.
                rows = [_line(batch, name, answer) for name, answer in reversed(batch.results)]
                return Answer(200, {"content-type": "application/x-jsonl"}, [lines(rows)])
            case "GET", ["results"]:
                return _refused("not_found_error", "Batch results are not available yet", 404)
            case "DELETE", [] if batch.status == "ended":
                del self._batches[batch.id]
                return json({"id": batch.id, "type": "message_batch_deleted"})
            case _:
                return _refused("invalid_request_error", f"Batch {batch.id} cannot do that while {batch.status}")


def _look(batch: _Batch) -> None:
    """Let time pass: it does so with every look."""
    batch.polls -= 1
    if batch.status == "canceling" or batch.polls <= 0:
        batch.status = "ended"


def _kind(batch: _Batch, answer: Answer | None) -> str:
    if batch.cancelled:
        return "canceled"
    if answer is None:
        return "expired"
    return "succeeded" if answer.status == 200 else "errored"


def _line(batch: _Batch, name: str, answer: Answer | None) -> JsonObject:
    kind = _kind(batch, answer)
    result: JsonObject = {"type": kind}
    if answer is not None and kind == "succeeded":
        result["message"] = decoded(answer)
    elif answer is not None and kind == "errored":
        body = decoded(answer)
        result["error"] = body if body.get("type") == "error" else error("api_error", "Internal server error")
    return {"custom_id": name, "result": result}


def _described(batch: _Batch, received: Received) -> JsonObject:
    ended = batch.status == "ended"
    counts: JsonObject = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
    kinds = [_kind(batch, answer) if ended else "processing" for _, answer in batch.results]
    counts |= {kind: kinds.count(kind) for kind in kinds}
    url = f"http://{received.headers.get('host', 'localhost')}{_PATH}/{batch.id}/results"
    return {
        "id": batch.id,
        "type": "message_batch",
        "processing_status": batch.status,
        "request_counts": counts,
        "created_at": _CREATED,
        "expires_at": _EXPIRES,
        "ended_at": _ENDED if ended else None,
        "cancel_initiated_at": _CREATED if batch.cancelled else None,
        "archived_at": None,
        "results_url": url if ended else None,
    }


def _refused(kind: str, message: str, status: int = 400) -> Answer:
    return json(error(kind, message), status)
