"""Makes the spans of OpenTelemetry's SDK from requests that have ended. Imported with the SDK, at the first request."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags, TraceState

from understudy.telemetry.tracing.context import Trace
from understudy.telemetry.tracing.spans import Content, RequestSpans, SpanData

Parent = Context | None


def emit(
    tracer: trace.Tracer,
    spans: RequestSpans,
    parent: Parent,
    content: Content,
    naming: Callable[[str], None] = lambda _: None,
) -> None:
    """Start and end the spans of a request, at their own times. `naming` is told which request or attempt the next span
    is of, before it gets its id."""
    naming(spans.request.id_of)
    kind = SpanKind.SERVER if spans.is_served else SpanKind.INTERNAL
    span = _started(tracer, spans.request, parent, kind, content.request)
    below = trace.set_span_in_context(span, Context())
    for at, attempt in enumerate(spans.attempts):
        naming(attempt.id_of)
        more = content.attempt if at == spans.answering else {}
        child = _started(tracer, attempt, below, SpanKind.CLIENT, more)
        _end(child, attempt)
    _end(span, spans.request)


def context_of(found: Trace) -> Parent:
    """Return the context in which a trace goes on; empty for one that begins."""
    if found.parent_id is None:
        return Context()
    parent = SpanContext(
        found.trace_id,
        found.parent_id,
        is_remote=found.is_remote,
        trace_flags=TraceFlags(TraceFlags.SAMPLED if found.is_sampled else TraceFlags.DEFAULT),
        trace_state=TraceState.from_header([found.tracestate]) if found.tracestate else None,
    )
    return trace.set_span_in_context(trace.NonRecordingSpan(parent), Context())


def _started(
    tracer: trace.Tracer, data: SpanData, parent: Parent, kind: SpanKind, content: Mapping[str, Any]
) -> trace.Span:
    attributes = {**data.attributes, **data.added, **content}
    return tracer.start_span(data.name, parent, kind, attributes, start_time=_nanoseconds(data.start))


def _end(span: trace.Span, data: SpanData) -> None:
    for event in data.events:
        span.add_event(event.name, dict(event.attributes), _nanoseconds(event.at))
    if data.error is not None:
        span.set_status(Status(StatusCode.ERROR, data.error))
    span.end(_nanoseconds(data.end))


def _nanoseconds(seconds: float) -> int:
    return round(seconds * 1_000_000) * 1_000
