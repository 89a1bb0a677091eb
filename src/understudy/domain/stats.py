"""Statistics of a provider."""

from __future__ import annotations

import msgspec

from understudy.domain.money import Money
from understudy.domain.plain import Plain
from understudy.domain.quantiles import Quantiles


class ProviderStats(msgspec.Struct, Plain, frozen=True, kw_only=True):
    """What a provider has done since it was made: its generations and embeddings. Sums with `+`.

    Every attempt counts as a request, failed ones too, so there are more requests than calls. Free operations (lists of
    models, health checks, token counts) do not count. A latency is the duration of a successful attempt, from its
    launch to the end of the answer; that of a stream includes the time its reader took. Waits between attempts are
    excluded.
    """

    total_requests: int = 0
    successful_requests: int = 0
    failed_requests: int = 0
    aborted_requests: int = 0
    """Attempts that were abandoned here: the caller cancelled, or the rest of the request failed."""
    total_tokens_input: int = 0
    total_tokens_output: int = 0
    cached_tokens: int = 0
    """Of the input: read from a cache."""
    estimated_cost: Money = Money()
    """Of the attempts whose cost is known."""
    calls_of_unknown_cost: int = 0
    """Attempts that may have been billed, for an unknown amount."""
    latency_total: float = 0.0
    """Seconds, over successful attempts."""
    first_event_total: float = 0.0
    """Seconds until the first content, over successful streamed attempts."""
    streamed_requests: int = 0
    """Successful streamed attempts."""
    latencies: Quantiles = Quantiles()
    """Of successful attempts."""
    first_events: Quantiles = Quantiles()
    """Until the first content, of successful streamed attempts."""

    _computed = ("estimated_cost_usd", "latency_p50", "latency_p95", "first_event_p50", "first_event_p95")

    @property
    def estimated_cost_usd(self) -> float:
        """US dollars; `estimated_cost` is exact."""
        return float(self.estimated_cost.usd)

    @property
    def mean_latency(self) -> float | None:
        """Seconds of a successful attempt on average; `None` before the first."""
        return self.latency_total / self.successful_requests if self.successful_requests else None

    @property
    def latency_p50(self) -> float | None:
        """Seconds that half of the successful attempts did not exceed, within 2 %; `None` before the first."""
        return self.latencies.percentile(50)

    @property
    def latency_p95(self) -> float | None:
        """Seconds that 95 % of the successful attempts did not exceed, within 2 %; `None` before the first."""
        return self.latencies.percentile(95)

    @property
    def mean_first_event(self) -> float | None:
        """Seconds until the first content on average; `None` before the first streamed success."""
        return self.first_event_total / self.streamed_requests if self.streamed_requests else None

    @property
    def first_event_p50(self) -> float | None:
        """Seconds within which half of the successful streams began, within 2 %; `None` before the first."""
        return self.first_events.percentile(50)

    @property
    def first_event_p95(self) -> float | None:
        """Seconds within which 95 % of the successful streams began, within 2 %; `None` before the first."""
        return self.first_events.percentile(95)

    def __add__(self, other: ProviderStats) -> ProviderStats:
        return ProviderStats(**{name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__})
