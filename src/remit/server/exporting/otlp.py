"""OTLP: spans on their way to a collector over HTTP, in batches, in a thread of its own. The only module with the SDK.

It is never in the way: when a collector is slow or away, spans are given up and counted, and no session notices. The
exporter's own variables count too, such as `OTEL_EXPORTER_OTLP_ENDPOINT` and `OTEL_EXPORTER_OTLP_HEADERS`.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import Protocol

import msgspec

from remit.core.errors import ConfigError
from remit.core.events import Record
from remit.core.ports import SessionRow
from remit.telemetry.metrics import Measured, Sample
from remit.telemetry.metrics import families as fam
from remit.telemetry.spans import Span, Tracing, sampled
from remit.telemetry.spans.tracing import LONGEST

try:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import Event, ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExportResult
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanContext, SpanKind, TraceFlags
    from opentelemetry.trace.status import Status, StatusCode
except ImportError as error:
    raise ConfigError(f"spans for OpenTelemetry need an extra: pip install 'remit[otel]' ({error})") from error

_log = logging.getLogger("remit.telemetry")
_NANOS = 1_000_000
_KINDS = {"internal": SpanKind.INTERNAL, "client": SpanKind.CLIENT}


class Exporting(msgspec.Struct, frozen=True, kw_only=True):
    """Where spans go and what they tell."""

    endpoint: str = ""
    """The whole URL, such as `http://collector:4318/v1/traces`; what the environment says when empty."""
    headers: Mapping[str, str] = {}
    service: str = "remit"
    project: str = ""
    """The project that Arize Phoenix files them under."""
    content: bool = False
    """Whether what was said and done goes with them. Registered secrets are in no record, personal data may be."""
    longest: int = LONGEST
    """Characters of a captured value."""
    share: float = 1.0
    """Of the traces that begin here, so many are exported, each whole; of others as whoever began them has said."""
    batch: int = 512
    room: int = 20_000
    """Spans that may wait; the oldest make room."""
    every: float = 2.0
    """Seconds between batches that are not full."""
    timeout: float = 10.0
    """Seconds for one batch, with all that it is tried again."""


class SpanExporter(Protocol):
    """What the SDK calls an exporter."""

    def export(self, spans: Sequence[ReadableSpan], /) -> SpanExportResult:
        """Send spans; it may wait."""
        ...

    def shutdown(self) -> None:
        """Send no more."""
        ...


class SpanExport:
    """A reader that exports the spans of what it is shown. Run it, and close it at the end."""

    def __init__(self, how: Exporting | None = None, *, exporter: SpanExporter | None = None) -> None:
        """Export over HTTP, unless another `exporter` is given."""
        self._how = how = how or Exporting()
        self._tracing = Tracing(content=how.content, longest=how.longest)
        self._exporter: SpanExporter = exporter or OTLPSpanExporter(
            endpoint=how.endpoint or None, headers=dict(how.headers), timeout=how.timeout
        )
        told = {"service.name": how.service, "service.version": version("remit")}
        if how.project:
            told["openinference.project.name"] = how.project
        self._resource = Resource.create(told)
        self._scope = InstrumentationScope("remit", version("remit"))
        self._waiting: deque[Span] = deque()
        self._full = asyncio.Event()
        self._sending = asyncio.Lock()
        # One thread: batches arrive in their order, and a collector that hangs takes no thread that others wait for.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="remit-otlp")
        self.exported = 0
        self.crowded = 0
        """Spans given up because there was no room."""
        self.failed = 0
        """Spans given up because the collector did not take them."""

    # -- what a follower calls -------------------------------------------------------------------------------------

    def see(self, session: str, record: Record, *, fresh: bool = True) -> None:
        """Take in a session's next record; what ends with one that is not `fresh` was exported before."""
        spans = self._tracing.see(session, record)
        if not fresh:
            return
        self._waiting.extend(span for span in spans if self._wanted(span))
        while len(self._waiting) > self._how.room:
            self._waiting.popleft()
            self.crowded += 1
        if len(self._waiting) >= self._how.batch:
            self._full.set()

    def _wanted(self, span: Span) -> bool:
        # Whoever began a trace has said whether all of it is recorded.
        return sampled(span.trace, self._how.share) if span.sampled is None else span.sampled

    def forget(self, session: str) -> None:
        """Let go of a session that is at rest."""
        self._tracing.forget(session)

    def survey(self, rows: Iterable[SessionRow]) -> None:
        """Do nothing: a list has no spans."""

    # -- sending ---------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Send what there is, again and again, until cancelled."""
        while True:
            try:
                async with asyncio.timeout(self._how.every):
                    await self._full.wait()
            except TimeoutError:
                pass
            self._full.clear()
            await self.flush()

    async def flush(self) -> None:
        """Send all that waits, batch by batch, until one is not taken."""
        async with self._sending:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(self._how.batch, len(self._waiting)))]
                if not await self._send(batch):
                    return

    async def close(self) -> None:
        """Send what waits, for as long as one batch may take, and let go."""
        try:
            async with asyncio.timeout(self._how.timeout):
                await self.flush()
        except TimeoutError:
            self.failed += len(self._waiting)
            self._waiting.clear()
        self._exporter.shutdown()
        self._thread.shutdown(wait=False, cancel_futures=True)

    def measured(self, now: int) -> list[Measured]:
        """Tell how exporting goes: a source of metrics."""
        del now
        lost = (Sample(("no_room",), float(self.crowded)), Sample(("not_taken",), float(self.failed)))
        return [Measured(fam.EXPORTED, (Sample((), float(self.exported)),)), Measured(fam.LOST, lost)]

    async def _send(self, batch: Sequence[Span]) -> bool:
        spans = [self._readable(span) for span in batch]
        try:
            result = await asyncio.get_running_loop().run_in_executor(self._thread, self._exporter.export, spans)
        except asyncio.CancelledError:
            self.failed += len(spans)
            raise
        except Exception as error:  # noqa: BLE001 - an exporter's failure is counted and said, and is nobody else's
            _log.warning("%s spans were not exported: %s: %s", len(spans), type(error).__name__, error)
            result = SpanExportResult.FAILURE
        taken = result is SpanExportResult.SUCCESS
        self.exported += len(spans) if taken else 0
        self.failed += 0 if taken else len(spans)
        return taken

    def _readable(self, span: Span) -> ReadableSpan:
        moments = [Event(moment.name, moment.attributes, moment.at * _NANOS) for moment in span.moments]
        return ReadableSpan(
            span.name,
            context=_context(span.trace, span.id),
            parent=None if span.parent is None else _context(span.trace, span.parent),
            resource=self._resource,
            attributes=span.attributes,
            events=moments,
            kind=_KINDS[span.kind],
            status=Status(StatusCode.ERROR, span.why or None) if span.failed else Status(),
            start_time=span.began * _NANOS,
            end_time=max(span.ended, span.began) * _NANOS,
            instrumentation_scope=self._scope,
        )


def _context(trace: bytes, span: bytes) -> SpanContext:
    return SpanContext(
        int.from_bytes(trace, "big"), int.from_bytes(span, "big"), is_remote=False, trace_flags=TraceFlags(1)
    )
