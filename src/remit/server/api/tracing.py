"""One session laid open over HTTP: its tree, a step, its state at an event, its journal to take away."""

import re
from collections.abc import Iterator
from typing import Annotated

import msgspec
from starlette.responses import Response, StreamingResponse

from remit.server.api.declaring import Answer, Endpoint, Heard
from remit.server.entrance import ProblemError
from remit.server.service.tracing import Trace
from remit.telemetry import plain
from remit.telemetry.trace import Moment, Step

_ONE = "/v1/sessions/{session}"
_UNFIT = re.compile(r"[^A-Za-z0-9._-]")


class At(msgspec.Struct, frozen=True, kw_only=True):
    """When to look."""

    at: Annotated[int, msgspec.Meta(ge=1, le=2**53)] | None = None
    """The number of an event; the last one without it."""


async def _trace(heard: Heard) -> Answer:
    return await heard.service.tracing.trace(heard.principal, heard.path["session"])


async def _step(heard: Heard) -> Answer:
    said = heard.path["seq"]
    if not (said.isascii() and said.isdecimal() and len(said) < 16):
        raise ProblemError(404, "a step is named by the number of the event it begins with")
    return await heard.service.tracing.step(heard.principal, heard.path["session"], int(said))


async def _state(heard: Heard) -> Answer:
    return await heard.service.tracing.moment(heard.principal, heard.path["session"], heard.query(At).at)


async def _export(heard: Heard) -> Answer:
    session = heard.path["session"]
    records = await heard.service.tracing.records(heard.principal, session)

    def lines() -> Iterator[bytes]:
        for record in records:
            yield msgspec.json.encode(plain(record)) + b"\n"

    name = _UNFIT.sub("_", session)
    headers = {
        "Content-Disposition": f'attachment; filename="{name}.jsonl"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    answer: Response = StreamingResponse(lines(), 200, headers, media_type="application/x-ndjson")
    return answer


ENDPOINTS = (
    Endpoint(
        method="GET",
        path=f"{_ONE}/trace",
        action="look",
        summary="Show a session as the tree of what it did; each node is an array",
        handle=_trace,
        gives=Trace,
    ),
    Endpoint(
        method="GET",
        path=f"{_ONE}/steps/{{seq}}",
        action="look",
        summary="Show all that is recorded of the node that begins with an event",
        handle=_step,
        gives=Step,
    ),
    Endpoint(
        method="GET",
        path=f"{_ONE}/state",
        action="look",
        summary="Show the state of a session right after one of its events",
        handle=_state,
        query=At,
        gives=Moment,
    ),
    Endpoint(
        method="GET",
        path=f"{_ONE}/export",
        action="look",
        summary="Give the whole journal of a session, one event a line",
        handle=_export,
        media="application/x-ndjson",
    ),
)
