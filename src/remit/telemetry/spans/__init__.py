"""Spans: sessions as OpenTelemetry tells agents, by the GenAI conventions and those of OpenInference. Pure."""

from remit.telemetry.spans.identity import (
    TRACEPARENT,
    Above,
    Callers,
    Context,
    above,
    heard,
    parse_traceparent,
    root_of,
    sampled,
    span_id,
    trace_id,
    traceparent,
)
from remit.telemetry.spans.span import Attribute, Moment, Span
from remit.telemetry.spans.tracing import Tracing

__all__ = [
    "TRACEPARENT",
    "Above",
    "Attribute",
    "Callers",
    "Context",
    "Moment",
    "Span",
    "Tracing",
    "above",
    "heard",
    "parse_traceparent",
    "root_of",
    "sampled",
    "span_id",
    "trace_id",
    "traceparent",
]
