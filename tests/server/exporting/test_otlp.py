"""Spans reach a collector as protobuf over HTTP, and a collector that is away is nobody's trouble."""

import asyncio
import threading
from collections.abc import Sequence

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from tests.server.exporting.receivers import collecting
from tests.telemetry.spans.test_tracing import OPENED, RUN, STORY

from remit.core import events as ev
from remit.server.exporting.otlp import Exporting, SpanExport
from remit.telemetry.metrics import Metrics
from remit.telemetry.spans import span_id, trace_id

BEGIN = 1_700_000_000_000


def show(export: SpanExport, *events: ev.Event, session: str = "s1", fresh: bool = True) -> None:
    for place, event in enumerate(events):
        export.see(session, ev.Record(place + 1, BEGIN + place * 1000, event), fresh=fresh)


def told(export: SpanExport) -> dict[tuple[str, ...], float]:
    return {
        (measured.family.name, *sample.labels): sample.value
        for measured in export.measured(BEGIN)
        for sample in measured.samples
    }


class Shelf:
    """An exporter that keeps what it is given."""

    def __init__(self, *results: SpanExportResult | Exception) -> None:
        self.batches: list[int] = []
        self.names: list[str] = []
        self.over = False
        self._results = list(results)

    def export(self, spans: Sequence[ReadableSpan], /) -> SpanExportResult:
        self.batches.append(len(spans))
        self.names += [span.name for span in spans]
        result = self._results.pop(0) if self._results else SpanExportResult.SUCCESS
        if isinstance(result, Exception):
            raise result
        return result

    def shutdown(self) -> None:
        self.over = True


async def test_a_collector_is_told_of_a_run_with_the_times_and_ids_that_are_recorded() -> None:
    with collecting() as collector:
        export = SpanExport(Exporting(endpoint=collector.url, headers={"x-key": "k"}, project="desk"))
        show(export, *STORY)
        await export.close()
    assert [span.name for span in collector.spans] == [
        "chat gpt-9", "execute_tool pay", "chat gpt-9", "invoke_agent clerk",
    ]  # fmt: skip
    ask, pay, _, run = collector.spans
    assert ask.trace_id == run.trace_id == trace_id("s1")
    assert run.span_id == ask.parent_span_id == span_id("s1", 1, "run")
    assert run.parent_span_id == b""
    assert (run.start_time_unix_nano, run.end_time_unix_nano) == ((BEGIN + 2000) * 10**6, (BEGIN + 11_000) * 10**6)
    assert (ask.kind, pay.kind) == (3, 1)
    attributes = {pair.key: pair.value for pair in ask.attributes}
    assert attributes["gen_ai.usage.input_tokens"].int_value == 100
    assert attributes["llm.cost.total"].double_value == 0.5
    assert attributes["gen_ai.response.finish_reasons"].array_value.values[0].string_value == "tool_call"
    assert [event.name for event in pay.events] == ["remit.judged"]
    assert collector.resource["service.name"] == "remit"
    assert collector.resource["openinference.project.name"] == "desk"
    assert collector.headers[0]["x-key"] == "k"
    assert told(export)[("remit_spans_exported_total",)] == 4


async def test_a_failed_run_is_an_error_there() -> None:
    with collecting() as collector:
        export = SpanExport(Exporting(endpoint=collector.url, content=True))
        show(export, OPENED, RUN, ev.RunEnded(1, "failed", reason="no answer"))
        await export.close()
    (run,) = collector.spans
    assert (run.status.code, run.status.message) == (2, "no answer")


async def test_a_collector_that_refuses_costs_spans_and_nothing_else() -> None:
    with collecting() as collector:
        collector.status = 400
        export = SpanExport(Exporting(endpoint=collector.url))
        show(export, *STORY)
        await export.flush()
        collector.status = 200
        show(export, *STORY, session="s2")
        await export.close()
    assert (export.failed, export.exported, len(collector.spans)) == (4, 4, 4)


async def test_an_exporter_that_raises_is_counted() -> None:
    shelf = Shelf(ValueError("broken"))
    export = SpanExport(exporter=shelf)
    show(export, *STORY)
    await export.flush()
    await export.close()
    assert (export.failed, export.exported, shelf.over) == (4, 0, True)
    assert told(export)[("remit_spans_lost_total", "not_taken")] == 4


async def test_spans_go_in_batches_and_the_oldest_make_room() -> None:
    shelf = Shelf()
    export = SpanExport(Exporting(batch=3, room=8), exporter=shelf)
    for number in range(3):
        show(export, *STORY, session=f"s{number}")
    await export.close()
    assert (shelf.batches, export.crowded, export.exported) == ([3, 3, 2], 4, 8)
    assert told(export)[("remit_spans_lost_total", "no_room")] == 4


async def test_what_is_not_fresh_or_not_in_the_share_is_not_exported() -> None:
    shelf = Shelf()
    export = SpanExport(Exporting(share=0.0), exporter=shelf)
    show(export, *STORY)
    await export.close()
    again = SpanExport(exporter=shelf)
    show(again, *STORY[:-1], fresh=False)
    show(again, *STORY, session="s2", fresh=False)
    again.see("s1", ev.Record(12, BEGIN + 11_000, STORY[-1]))
    await again.close()
    assert shelf.names == ["invoke_agent clerk"]


async def test_a_session_goes_on_while_a_collector_hangs() -> None:
    hanging, let_go = threading.Event(), threading.Event()

    class Hanging(Shelf):
        def export(self, spans: Sequence[ReadableSpan], /) -> SpanExportResult:
            hanging.set()
            let_go.wait(30)
            return super().export(spans)

    shelf = Hanging()
    export = SpanExport(Exporting(timeout=0.05, batch=2), exporter=shelf)
    metrics = Metrics()
    show(export, *STORY)
    await export.close()
    assert hanging.is_set()
    # What hangs and what waits behind it is given up; nobody waited longer than was said.
    assert (export.exported, export.failed) == (0, 4)
    assert metrics.collect(BEGIN)
    let_go.set()


async def test_forgetting_and_lists_are_no_spans() -> None:
    shelf = Shelf()
    export = SpanExport(exporter=shelf)
    show(export, *STORY[:4])
    export.survey([])
    export.forget("s1")
    show(export, STORY[-1])
    await export.close()
    assert shelf.names == []


async def test_it_sends_what_fills_a_batch_at_once_and_the_rest_in_time() -> None:
    sent = asyncio.Event()
    loop = asyncio.get_running_loop()

    class Telling(Shelf):
        def export(self, spans: Sequence[ReadableSpan], /) -> SpanExportResult:
            result = super().export(spans)
            loop.call_soon_threadsafe(sent.set)
            return result

    for every, batch in ((3600.0, 4), (0.01, 512)):
        shelf = Telling()
        export = SpanExport(Exporting(batch=batch, every=every), exporter=shelf)
        running = asyncio.ensure_future(export.run())
        show(export, *STORY)
        await sent.wait()
        sent.clear()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await export.close()
        assert shelf.batches == [4]


async def test_a_batch_that_is_cut_off_counts_as_given_up() -> None:
    hanging, let_go = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    class Hanging(Shelf):
        def export(self, spans: Sequence[ReadableSpan], /) -> SpanExportResult:
            loop.call_soon_threadsafe(hanging.set)
            let_go.wait(30)
            return super().export(spans)

    export = SpanExport(Exporting(batch=4), exporter=Hanging())
    running = asyncio.ensure_future(export.run())
    show(export, *STORY)
    await hanging.wait()
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    let_go.set()
    await export.close()
    assert (export.exported, export.failed) == (0, 4)
