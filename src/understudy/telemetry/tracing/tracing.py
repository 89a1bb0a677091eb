"""Traces of requests, as an observer: `observers=[Tracing(…)]`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import cache, partial
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING

import msgspec

from understudy.domain.attempts import AttemptRecord
from understudy.domain.capture import Capture
from understudy.domain.misuse import ConfigError
from understudy.domain.secret import Secret
from understudy.ledger.observing import CALLERS_TRACE, EndedRequest, RequestWatch
from understudy.settings.tracing import TracingConfig
from understudy.telemetry.tracing.context import Trace, span_id_of
from understudy.telemetry.tracing.names import attribute_names
from understudy.telemetry.tracing.pipeline import CLOSING, Pipeline
from understudy.telemetry.tracing.spans import NO_CONTENT, Content, RequestSpans, spans_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from opentelemetry.trace import TracerProvider

    from understudy.telemetry.tracing.exporting import Exporting
    from understudy.telemetry.tracing.metrics import Metrics

INSTALL = "pip install 'understudy[otel]'"


class Tracing:
    """Makes a trace of every request: a span for it, and one below it for each attempt.

    With `config.endpoint` the spans go to that collector, in a thread of its own. Otherwise they are made with
    `provider`, by default the program's own (`opentelemetry.trace.get_tracer_provider()`), and are there when the call
    returns. The span of the caller becomes their parent: the current one, or that which a gateway's caller names.
    """

    def __init__(
        self,
        config: TracingConfig | None = None,
        *,
        provider: TracerProvider | None = None,
        secrets: Iterable[Secret] = (),
    ) -> None:
        """`secrets`: values that are removed from prompts and answers, besides the providers' keys.

        Raise `ConfigError` if OpenTelemetry is not installed, or if there are both an endpoint and a provider.
        """
        config = config or TracingConfig()
        if config.endpoint is not None and provider is not None:
            raise ConfigError("Tracing: pass either an endpoint or a provider, not both")
        if find_spec("opentelemetry") is None or (config.endpoint is not None and not _has_exporter()):
            raise ConfigError(f"Tracing: OpenTelemetry is not installed\n  {INSTALL}")
        self.config = config
        self._provider = provider
        self._names = attribute_names(config.profile)
        self._capture = Capture(
            mode=config.content,
            max_bytes=config.content_max_bytes,
            redact=config.content_redact,
            secrets=tuple(dict.fromkeys(secrets)),
        )
        self._everywhere = "*" in config.propagate
        self._pipeline = Pipeline(self._export, "tracing") if config.endpoint is not None else None
        self._exporting: Exporting | None = None
        self._metrics: Metrics | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} to {self.config.endpoint or 'the program'}>"

    def __call__(self, record: AttemptRecord, /) -> None:
        """Ignore an attempt: its span is made with those of its request."""

    def request_began(self, request_id: str, /) -> RequestWatch | None:
        """Follow a request, unless its trace is neither kept nor sent to an entry."""
        found = self._trace(request_id)
        if found is not None and not found.is_sampled and not self.config.propagate and not self.config.metrics:
            return None
        is_served = CALLERS_TRACE.get() is not None
        is_kept = found is None or found.is_sampled or self.config.metrics
        ended = partial(self._ended, trace=found, is_served=is_served) if is_kept else None
        return _Watch(partial(self._headers, found), ended)

    @property
    def dropped(self) -> int:
        """The requests whose spans were dropped while the collector did not take them."""
        return self._pipeline.dropped if self._pipeline is not None else 0

    def flush(self, seconds: float = CLOSING) -> bool:
        """Wait until all spans have been handed to the collector. Return whether they were, in that time. Blocks."""
        return self._pipeline.flush(seconds) if self._pipeline is not None else True

    def close(self, seconds: float = CLOSING) -> None:
        """Send what is left, for at most that many seconds, and stop. Blocks."""
        if self._pipeline is not None:
            self._pipeline.close(seconds)
        if self._exporting is not None:
            self._exporting.close()

    # ---- one request ----

    def _trace(self, request_id: str) -> Trace | None:
        """Return the trace of a request. Where none is continued and spans are the program's own, that is decided by
        its provider: `None`."""
        if (current := _current()) is not None:
            return current
        served = CALLERS_TRACE.get()
        found = Trace.continuing(served) if served is not None else None
        if found is not None or self._pipeline is None:
            return found
        return Trace.beginning(request_id, self.config.sample)

    def _headers(self, found: Trace | None, attempt_id: str, entry: str) -> tuple[tuple[str, str], ...]:
        """Return the headers that name the trace to the server of an entry; empty if it is not to know.

        The program's own provider chooses the ids of its spans itself: then it is the caller's span that is named.
        """
        if found is None or not (self._everywhere or entry in self.config.propagate):
            return ()
        if self._pipeline is not None:
            return found.headers(span_id_of(attempt_id))
        return () if found.parent_id is None else found.headers(found.parent_id)

    def _ended(self, request: EndedRequest, trace: Trace | None, *, is_served: bool) -> None:
        """Make the spans of a request, or have them made. What is kept until then holds no prompt, unless that is
        wanted."""
        spans = spans_of(request, self._names, self.config.backends, is_served=is_served)
        content = NO_CONTENT
        is_sampled = trace is None or trace.is_sampled
        if self._capture.mode != "off" and is_sampled:
            from understudy.telemetry.tracing.content import content_of

            content = content_of(request, self._capture, self._names, self.config.backends)
        if self._pipeline is None:
            if self.config.metrics:
                self._measured().record(spans)
            if is_sampled:
                self._make(spans, content, trace)
        elif trace is not None:
            self._pipeline.put(_Item(spans, content, trace))

    def _make(self, spans: RequestSpans, content: Content, trace: Trace | None) -> None:
        """Make spans with the program's own provider."""
        from opentelemetry.trace import get_tracer_provider

        from understudy.telemetry.tracing.making import context_of, emit

        tracer = (self._provider or get_tracer_provider()).get_tracer("understudy", _version())
        emit(tracer, spans, context_of(trace) if trace is not None else None, content)

    def _measured(self) -> Metrics:
        """Return the metrics of the program's own provider."""
        if self._metrics is None:
            from opentelemetry.metrics import get_meter_provider

            from understudy.telemetry.tracing.metrics import Metrics

            self._metrics = Metrics(get_meter_provider().get_meter("understudy", _version()), self.config.profile)
        return self._metrics

    def _export(self, batch: list[_Item]) -> None:
        """Make and send the spans of some requests, in the thread."""
        from understudy.telemetry.tracing.making import context_of, emit

        exporting = self._exporting
        if exporting is None:
            from understudy.telemetry.tracing.exporting import Exporting

            exporting = self._exporting = Exporting(self.config, _version())
        for item in batch:
            if exporting.metrics is not None:
                exporting.metrics.record(item.spans)
            if not item.trace.is_sampled:
                continue
            exporting.ids.trace_id = item.trace.trace_id
            emit(exporting.tracer, item.spans, context_of(item.trace), item.content, exporting.ids.name)
        exporting.send()


class _Item(msgspec.Struct, frozen=True):
    """A request that has ended, on its way to the collector."""

    spans: RequestSpans
    content: Content
    trace: Trace


class _Watch:
    """Follows one request."""

    __slots__ = ("_end", "_headers")

    def __init__(
        self,
        headers: Callable[[str, str], tuple[tuple[str, str], ...]],
        end: Callable[[EndedRequest], None] | None,
    ) -> None:
        self._headers = headers
        self._end = end

    def headers(self, attempt_id: str, entry: str, /) -> tuple[tuple[str, str], ...]:
        return self._headers(attempt_id, entry)

    def ended(self, request: EndedRequest, /) -> None:
        if self._end is not None:
            self._end(request)


def _current() -> Trace | None:
    """Return the trace of the program's current span. A program that has not loaded OpenTelemetry has none, nor one in
    which another thread is still loading it."""
    current_span = getattr(sys.modules.get("opentelemetry.trace"), "get_current_span", None)
    if current_span is None:
        return None
    context = current_span().get_span_context()
    if not context.is_valid:
        return None
    return Trace(
        trace_id=context.trace_id,
        parent_id=context.span_id,
        is_sampled=context.trace_flags.sampled,
        tracestate=context.trace_state.to_header() or None,
        is_remote=context.is_remote,
    )


@cache
def _version() -> str:
    return version("understudy")


def _has_exporter() -> bool:
    try:
        return find_spec("opentelemetry.exporter.otlp.proto.http.trace_exporter") is not None
    except ModuleNotFoundError:
        return False
