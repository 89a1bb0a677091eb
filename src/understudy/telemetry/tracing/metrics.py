"""OpenTelemetry's own metrics of GenAI clients: histograms over attempts. Imported with the SDK."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from opentelemetry.metrics import Histogram, Meter

from understudy.settings.tracing import Profile
from understudy.telemetry.tracing.names import attribute_names, metric_names
from understudy.telemetry.tracing.spans import RequestSpans, SpanData, Value

SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
FIRST = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
TOKENS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
"""The bounds of buckets that the conventions recommend."""
MOST_MODELS = 200
"""Names of models that are distinguished; callers choose them."""
OTHER = "other"
_TYPE = "gen_ai.token.type"
_KEPT = ("operation", "provider", "request_model", "response_model", "error", "address", "port")


class Metrics:
    """The histograms of one process."""

    def __init__(self, meter: Meter, profile: Profile) -> None:
        self._names = attribute_names(profile)
        self._metrics = metric_names(profile)
        self._has_types = profile == "released"
        self._models: set[Value] = set()
        self._histograms: dict[str, Histogram] = {}
        self._meter = meter

    def record(self, spans: RequestSpans) -> None:
        """Count the attempts of a request."""
        for attempt in spans.attempts:
            self._attempt(attempt)

    def _attempt(self, attempt: SpanData) -> None:
        names, found = self._names, attempt.attributes
        kept = {names[key]: found[names[key]] for key in _KEPT if names[key] in found}
        for key in ("request_model", "response_model"):
            if names[key] in kept:
                kept[names[key]] = self._bounded(kept[names[key]])
        embeds = found.get(names["operation"]) == "embeddings"
        self._histogram("embeddings_duration" if embeds else "duration", "s", SECONDS).record(
            attempt.end - attempt.start, kept
        )
        if isinstance(first := found.get(names["first_chunk"]), float):
            self._histogram("first_chunk", "s", FIRST).record(first, kept)
        for kind in ("input", "output"):
            tokens = found.get(names[f"{kind}_tokens"])
            if isinstance(tokens, int):
                metric = "embeddings_tokens" if embeds else f"{kind}_tokens"
                more: Mapping[str, Value] = {_TYPE: kind} if self._has_types else {}
                self._histogram(metric, "{token}", TOKENS).record(tokens, {**kept, **more})

    def _bounded(self, model: Value) -> Value:
        if model not in self._models:
            if len(self._models) >= MOST_MODELS:
                return OTHER
            self._models.add(model)
        return model

    def _histogram(self, metric: str, unit: str, bounds: Sequence[float]) -> Histogram:
        name = self._metrics[metric]
        found = self._histograms.get(name)
        if found is None:
            found = self._histograms[name] = self._meter.create_histogram(
                name, unit, explicit_bucket_boundaries_advisory=bounds
            )
        return found
