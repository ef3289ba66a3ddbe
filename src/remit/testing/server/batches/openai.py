"""OpenAI batches: an uploaded file of requests, and files of answers and errors when it is done."""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import msgspec

from remit.core.values import JsonObject, JsonValue
from remit.testing.server.batches.multipart import form
from remit.testing.server.batches.port import Play, decoded, lines
from remit.testing.server.dialects.openai_errors import Wrong
from remit.testing.server.dialects.port import MOMENT, Answer, Dialect
from remit.testing.server.http import Received
from remit.testing.server.local import json

_DAY = 86_400
_MOMENTS = ("cancelled", "cancelling", "completed", "expired", "failed", "finalizing", "in_progress")


@dataclass(slots=True)
class _File:
    id: str
    purpose: str
    filename: str
    body: bytes

    def described(self) -> JsonObject:
        return {
            "id": self.id,
            "object": "file",
            "bytes": len(self.body),
            "created_at": MOMENT,
            "expires_at": None,
            "filename": self.filename,
            "purpose": self.purpose,
            "status": "processed",
            "status_details": None,
        }


@dataclass(slots=True)
class _Batch:
    id: str
    endpoint: str
    input: str
    metadata: JsonValue
    polls: int
    """How often it still says that it is not done."""
    results: list[tuple[str, Answer | None]] = field(default_factory=list[tuple[str, Answer | None]])
    status: str = "validating"
    errors: list[JsonObject] = field(default_factory=list[JsonObject])
    output: str | None = None
    wrong: str | None = None
    """The file of errors."""


class OpenAIBatches:
    """Files and batches, in memory."""

    def __init__(self, dialects: Mapping[str, Dialect], play: Play, polls: int) -> None:
        """A batch is done at the `polls`-th look after its creation; `dialects` are by path."""
        self._dialects, self._play, self._polls = dialects, play, polls
        self._numbers = itertools.count(1)
        self._files: dict[str, _File] = {}
        self._batches: dict[str, _Batch] = {}

    def answer(self, received: Received) -> Answer | None:
        """Answer a request about files or batches; `None` when it is about neither."""
        match received.path.removeprefix("/v1/").split("/"):
            case ["files"] if received.method == "POST":
                return self._upload(received)
            case ["files"]:
                return _listed([file.described() for file in self._files.values()], received)
            case ["files", name, *rest]:
                return self._file(received.method, name, rest)
            case ["batches", *rest]:
                return self._batch(received, rest)
            case _:
                return None

    # -- files -----------------------------------------------------------------------------------------------------

    def _keep(self, purpose: str, filename: str, body: bytes) -> _File:
        kept = _File(f"file-{next(self._numbers):08d}", purpose, filename, body)
        self._files[kept.id] = kept
        return kept

    def _upload(self, received: Received) -> Answer:
        fields = form(received.headers.get("content-type", ""), received.body)
        if "file" not in fields or "purpose" not in fields:
            name = "purpose" if "file" in fields else "file"
            return _refused(f"Missing required parameter: '{name}'.", name)
        file, purpose = fields["file"], fields["purpose"].body.decode()
        if purpose == "batch" and not file.filename.endswith(".jsonl"):
            return _refused(f"Invalid file format for Batch API: {file.filename}. Must be .jsonl", "file")
        return json(self._keep(purpose, file.filename, file.body).described())

    def _file(self, method: str, name: str, rest: list[str]) -> Answer:
        found = self._files.get(name)
        match method, rest:
            case _ if found is None:
                return _refused(f"No such File object: {name}", "id", 404)
            case "GET", []:
                return json(found.described())
            case "GET", ["content"]:
                return Answer(200, {"content-type": "application/octet-stream"}, [found.body])
            case "DELETE", []:
                del self._files[name]
                return json({"id": name, "object": "file", "deleted": True})
            case _:
                return _refused("Invalid URL", "", 404)

    # -- batches ---------------------------------------------------------------------------------------------------

    def _create(self, received: Received) -> Answer:
        body = received.json
        endpoint, file = str(body.get("endpoint")), str(body.get("input_file_id"))
        if endpoint not in self._dialects or not endpoint.startswith("/v1/") or endpoint == "/v1/messages":
            return _refused(f"Invalid value: '{endpoint}'.", "endpoint")
        if body.get("completion_window") != "24h":
            return _refused("Invalid value for 'completion_window': must be '24h'.", "completion_window")
        if file not in self._files or self._files[file].purpose != "batch":
            return _refused(f"No such File object with purpose 'batch': {file}", "input_file_id")
        batch = _Batch(f"batch_{next(self._numbers):08d}", endpoint, file, body.get("metadata"), self._polls)
        self._batches[batch.id] = batch
        created = json(_described(batch))
        self._validate(batch, received)
        return created

    def _validate(self, batch: _Batch, received: Received) -> None:
        """Read the file and answer its requests; they are shown only when the batch is done."""
        seen: set[str] = set()
        todo: list[tuple[str, JsonObject]] = []
        for number, line in enumerate(self._files[batch.input].body.splitlines(), 1):
            row = _row(line)
            body, name = row.get("body"), str(row.get("custom_id"))
            if row.get("url") != batch.endpoint or row.get("method") != "POST" or not isinstance(body, dict):
                message = "A line must be JSON with `custom_id`, `method`, `body`, and the `url` of the batch."
                batch.errors.append({"code": "invalid_json_line", "line": number, "message": message, "param": None})
            elif name in seen:
                message = f"The custom_id '{name}' is used twice."
                batch.errors.append({"code": "duplicate_custom_id", "line": number, "message": message, "param": None})
            else:
                seen.add(name)
                todo.append((name, body))
        if not batch.errors:
            dialect = self._dialects[batch.endpoint]
            batch.results = [(name, self._play(received, dialect, body)) for name, body in todo]

    def _batch(self, received: Received, parts: list[str]) -> Answer:
        if parts and parts[0] not in self._batches:
            return _refused(f"No batch found with id '{parts[0]}'.", "", 404)
        match received.method, parts:
            case "POST", []:
                return self._create(received)
            case "GET", []:
                return _listed([_described(batch) for batch in reversed(self._batches.values())], received)
            case "GET", [name]:
                self._look(self._batches[name])
                return json(_described(self._batches[name]))
            case "POST", [name, "cancel"]:
                return _cancelled(self._batches[name])
            case _:
                return _refused("Invalid URL", "", 404)

    def _look(self, batch: _Batch) -> None:
        """Let time pass: it does so with every look."""
        if batch.status == "cancelling":
            self._finish(batch, "cancelled", [(name, None) for name, _ in batch.results])
        elif batch.status in {"validating", "in_progress"}:
            batch.polls -= 1
            if batch.errors:
                batch.status = "failed"
            elif batch.polls > 0:
                batch.status = "in_progress"
            else:
                late = any(answer is None for _, answer in batch.results)
                self._finish(batch, "expired" if late else "completed", batch.results)

    def _finish(self, batch: _Batch, status: str, results: Iterable[tuple[str, Answer | None]]) -> None:
        batch.status, batch.results = status, list(results)
        # The order of a batch is nobody's promise.
        rows = [(name, answer, _line(batch, name, answer)) for name, answer in reversed(batch.results)]
        good = [row for _, answer, row in rows if answer is not None and answer.status == 200]
        bad = [row for _, answer, row in rows if answer is None or answer.status != 200]
        if good:
            batch.output = self._keep("batch_output", f"{batch.id}_output.jsonl", lines(good)).id
        if bad:
            batch.wrong = self._keep("batch_output", f"{batch.id}_error.jsonl", lines(bad)).id


def _cancelled(batch: _Batch) -> Answer:
    if batch.status not in {"validating", "in_progress", "cancelling"}:
        return _refused(f"Cannot cancel a batch with status '{batch.status}'.", "", 409)
    batch.status = "cancelling"
    return json(_described(batch))


def _line(batch: _Batch, name: str, answer: Answer | None) -> JsonObject:
    row: JsonObject = {"id": f"batch_req_{name}", "custom_id": name, "response": None, "error": None}
    if answer is None:
        code = "batch_cancelled" if batch.status == "cancelled" else "batch_expired"
        why = "before the batch was cancelled" if code == "batch_cancelled" else "before the completion window expired"
        return {**row, "error": {"code": code, "message": f"This request could not be executed {why}."}}
    response: JsonObject = {"status_code": answer.status, "request_id": f"req_{name}", "body": decoded(answer)}
    return {**row, "response": response}


def _row(line: bytes) -> JsonObject:
    try:
        value: JsonValue = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return value if isinstance(value, dict) and isinstance(value.get("custom_id"), str) else {}


def _described(batch: _Batch) -> JsonObject:
    done = [answer for _, answer in batch.results] if batch.status in {"completed", "expired"} else []
    good = sum(1 for answer in done if answer is not None and answer.status == 200)
    described: JsonObject = {
        "id": batch.id,
        "object": "batch",
        "endpoint": batch.endpoint,
        "errors": None,
        "input_file_id": batch.input,
        "completion_window": "24h",
        "status": batch.status,
        "output_file_id": batch.output,
        "error_file_id": batch.wrong,
        "created_at": MOMENT,
        "expires_at": MOMENT + _DAY,
        "request_counts": {"total": len(batch.results), "completed": good, "failed": len(done) - good},
        "metadata": batch.metadata,
    }
    if batch.status == "failed":
        found: list[JsonValue] = [*batch.errors]
        described["errors"] = {"object": "list", "data": found}
    return {**described, **{f"{name}_at": MOMENT if batch.status == name else None for name in _MOMENTS}}


def _listed(rows: list[JsonObject], received: Received) -> Answer:
    names = [row["id"] for row in rows]
    after = received.query.get("after")
    start = names.index(after) + 1 if after in names else 0
    limit = int(received.query.get("limit", "20"))
    shown: list[JsonValue] = [*rows[start : start + limit]]
    ends: JsonObject = (
        {"first_id": names[start] if shown else None, "last_id": names[start + len(shown) - 1]} if shown else {}
    )
    return json({"object": "list", "data": shown, "has_more": start + limit < len(rows), **ends})


def _refused(message: str, param: str, status: int = 400) -> Answer:
    return json({"error": Wrong(status, message, "invalid_request_error", None, param or None).fields()}, status)
