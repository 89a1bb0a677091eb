"""Sends spans to a collector, with OpenTelemetry's SDK and its exporter for OTLP over HTTP.

Imported in the thread that sends, at the first request: loading the SDK takes a third of a second.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Any

from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON

from understudy.domain.redaction import Redactor
from understudy.settings.tracing import TracingConfig
from understudy.telemetry.tracing.context import span_id_of
from understudy.telemetry.tracing.metrics import Metrics
from understudy.telemetry.tracing.pipeline import NotDone
from understudy.telemetry.tracing.spans import clean

TIMEOUT = 10.0
"""Seconds in which a batch must have been sent, repetitions included."""
CLOSING = 3.0
"""Seconds that the end waits for the metrics to be sent."""
SCOPE = "understudy"
"""The name of what makes the spans."""


class Ids(IdGenerator):
    """The ids of spans and traces, set before each span: they follow from those of requests and attempts."""

    def __init__(self) -> None:
        self.trace_id = 0
        self._span_id = 0

    def name(self, id_of: str) -> None:
        """Set whose span comes next."""
        self._span_id = span_id_of(id_of)

    def generate_span_id(self) -> int:
        """Return the id of the next span."""
        return self._span_id

    def generate_trace_id(self) -> int:
        """Return the id of the next trace."""
        return self.trace_id

    def is_trace_id_random(self) -> bool:
        """Whether the ids of traces are random: they are hashes of random ids."""
        return True


class Exporting:
    """The SDK of this process: makes spans and sends them, both in the calling thread."""

    def __init__(self, config: TracingConfig, version: str) -> None:
        self.ids = Ids()
        self._place = config.endpoint
        self._redactor = Redactor(config.revealed_headers.values())
        logging.getLogger("opentelemetry.exporter.otlp").addHandler(_HEARD)
        self._gathered = _Gathered()
        self._exporter = OTLPSpanExporter(
            f"{(config.endpoint or '').rstrip('/')}/v1/traces",
            headers=config.revealed_headers,
            timeout=TIMEOUT,
            compression=Compression.Gzip,
        )
        resource = Resource.create({"service.name": config.service, "service.version": version})
        # The decision to sample has been made where the trace begins.
        provider = TracerProvider(ALWAYS_ON, resource, shutdown_on_exit=False, id_generator=self.ids)
        provider.add_span_processor(self._gathered)
        self.tracer = provider.get_tracer(SCOPE, version)
        self._meters = _meters(config, resource) if config.metrics else None
        self.metrics = (
            Metrics(self._meters.get_meter(SCOPE, version), config.profile) if self._meters is not None else None
        )

    def send(self) -> None:
        """Send the spans that were made. Raise `NotDone` if the collector does not take them."""
        spans = self._gathered.take()
        _HEARD.first.text = ""
        if spans and self._exporter.export(spans) is not SpanExportResult.SUCCESS:
            why = clean(self._redactor.text(_HEARD.first.text)) or "no reason is known"
            raise NotDone(f"{len(spans)} spans were not taken by {self._place} ({why})")

    def close(self) -> None:
        """Send the metrics, close the connection to the collector, and end a repetition that waits."""
        if self._meters is not None:
            self._meters.shutdown(CLOSING * 1000)
        self._exporter.shutdown()  # type: ignore[no-untyped-call]


def _meters(config: TracingConfig, resource: Resource) -> MeterProvider:
    """Return what sends metrics every minute, in a thread of its own."""
    exporter = OTLPMetricExporter(
        f"{(config.endpoint or '').rstrip('/')}/v1/metrics",
        headers=config.revealed_headers,
        timeout=TIMEOUT,
        compression=Compression.Gzip,
    )
    reader = PeriodicExportingMetricReader(exporter, export_timeout_millis=TIMEOUT * 1000)
    return MeterProvider((reader,), resource, shutdown_on_exit=False)


class _Heard(logging.Handler):
    """Hears what the exporter logs: why a batch was not taken. Without a handler it would be printed."""

    def __init__(self) -> None:
        super().__init__()
        self.first = threading.local()
        """In each thread that sends, the first words since it began to."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the first message: those after it are about its repetition."""
        self.first.text = getattr(self.first, "text", "") or record.getMessage()


_HEARD = _Heard()


class _Gathered(SpanProcessor):
    """Keeps the spans that have ended until they are sent."""

    def __init__(self) -> None:
        self._spans: list[ReadableSpan] = []

    def take(self) -> Sequence[ReadableSpan]:
        spans, self._spans = self._spans, []
        return spans

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """Note nothing: spans are started after their end."""

    def on_end(self, span: ReadableSpan) -> None:
        """Keep a span."""
        self._spans.append(span)

    def shutdown(self) -> None:
        """Keep nothing any more."""
        self._spans.clear()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Nothing waits for a time here."""
        return True
