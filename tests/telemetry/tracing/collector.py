"""A collector in the process of a test: takes OTLP over HTTP, and decodes it with the official messages."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue


class ReceivedSpan:
    """A span as the collector received it."""

    def __init__(self, span: Any, resource: Mapping[str, Any]) -> None:
        self.name: str = span.name
        self.trace_id: str = span.trace_id.hex()
        self.span_id: str = span.span_id.hex()
        self.parent_id: str = span.parent_span_id.hex()
        self.kind: int = span.kind
        self.start = span.start_time_unix_nano / 1e9
        self.end = span.end_time_unix_nano / 1e9
        self.attributes = {each.key: _value(each.value) for each in span.attributes}
        self.events = [
            (each.name, {item.key: _value(item.value) for item in each.attributes}, each.time_unix_nano / 1e9)
            for each in span.events
        ]
        self.status: int = span.status.code
        self.message: str = span.status.message
        self.state: str = span.trace_state
        self.resource = resource

    def __getitem__(self, name: str) -> Any:
        return self.attributes[name]


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, kind) if kind is not None else None


class Collector:
    """What was sent to it."""

    def __init__(self) -> None:
        self.url = ""
        self.bodies: list[bytes] = []
        self.headers: list[Mapping[str, str]] = []
        self.paths: list[str] = []
        self.status = 200
        self.asked = 0

    @property
    def spans(self) -> list[ReceivedSpan]:
        """All spans, in the order in which they arrived."""
        found: list[ReceivedSpan] = []
        for path, body in zip(self.paths, self.bodies, strict=True):
            if path != "/v1/traces":
                continue
            request = ExportTraceServiceRequest()
            request.ParseFromString(body)
            for each in request.resource_spans:
                resource = {item.key: _value(item.value) for item in each.resource.attributes}
                found += [ReceivedSpan(span, resource) for scope in each.scope_spans for span in scope.spans]
        return found

    @property
    def metrics(self) -> list[Any]:
        """All metrics, decoded."""
        found: list[Any] = []
        for path, body in zip(self.paths, self.bodies, strict=True):
            if path == "/v1/metrics":
                request = ExportMetricsServiceRequest()
                request.ParseFromString(body)
                scopes = (scope for each in request.resource_metrics for scope in each.scope_metrics)
                found += [metric for scope in scopes for metric in scope.metrics]
        return found

    def of_request(self) -> tuple[ReceivedSpan, list[ReceivedSpan]]:
        """Return the span of the only request, and those of its attempts in their order."""
        (request,) = (each for each in self.spans if "understudy.request.id" in each.attributes)
        attempts = [
            each for each in self.spans if each is not request and "understudy.attempt.number" in each.attributes
        ]
        return request, sorted(attempts, key=lambda each: each["understudy.attempt.number"])


@contextmanager
def collecting() -> Iterator[Collector]:
    """Run a collector on a port that the system chooses."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            collector.asked += 1
            if collector.status == 200:
                collector.headers.append({name.lower(): value for name, value in self.headers.items()})
                collector.paths.append(self.path)
                is_packed = self.headers.get("content-encoding") == "gzip"
                collector.bodies.append(gzip.decompress(body) if is_packed else body)
            self.send_response(collector.status)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as the base class names it
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    collector.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
