"""Token counts of a prediction, from its metrics."""

from __future__ import annotations

from understudy.dialects.replicate.wire import PredictionWire
from understudy.domain.content import JsonObject
from understudy.domain.usage import Usage, token_count


def decode_usage(prediction: PredictionWire) -> Usage | None:
    """Decode the metrics; `None` if they have no token counts, which only language models report."""
    metrics = prediction.metrics
    if not isinstance(metrics, dict):
        return None
    return Usage(
        input=token_count(metrics.get("input_token_count")),
        output=token_count(metrics.get("output_token_count")),
        raw=metrics,
    )


def render_usage(usage: Usage) -> JsonObject:
    """Return the counts as a prediction's metrics."""
    counts = {"input_token_count": usage.input_total, "output_token_count": usage.output_total}
    return {name: count for name, count in counts.items() if count is not None}
