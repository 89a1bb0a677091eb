"""The prices that genai-prices publishes, in this package's own terms. Importing it takes 0.4 s: see `cache`."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from understudy.domain.prices import Price, Rates, Tier, rate_of
from understudy.domain.responses import ModelInfo

if TYPE_CHECKING:
    from decimal import Decimal

    from genai_prices.types import ModelInfo as Entry
    from genai_prices.types import ModelPrice, Provider, TieredPrices

_CLASSES = {
    "input_mtok": "input",
    "cache_read_mtok": "cache_read",
    "cache_audio_read_mtok": "cache_read_audio",
    "cache_write_mtok": "cache_write",
    "cache_write_5m_mtok": "cache_write",
    "cache_write_1h_mtok": "cache_write_1h",
    "output_mtok": "output",
    "output_reasoning_mtok": "reasoning",
    "input_audio_mtok": "audio_input",
    "output_audio_mtok": "audio_output",
}
"""Their name of a rate: ours. Their other rates are not per token of text or audio."""
_FEE = "requests_kcount"
"""Dollars per thousand calls."""
_TOOLS = {"web_searches_kcount": "web_search", "storage_searches_kcount": "file_search"}
"""Dollars per thousand calls of a hosted tool, and our name of it."""
_BATCH = "batch"
"""A service tier that this list calls a way of processing."""
_MIXED = ("output_image_mtok", "output_video_mtok")
"""Answers with images cost more than their token counts show, because images are not counted separately."""
_USUAL = frozenset({"default", "standard", "auto", "on_demand"})
"""Names of the standard service tier, whose cost is the price."""
_DAY = 86_400
_KEPT = 4096
"""Looked-up prices that are kept, at most."""


class PublishedPrices:
    """A list of prices. Lookups are remembered for the day (UTC), since prices may apply only from a date on."""

    def __init__(self, providers: Sequence[Provider] = (), *, source: str = "genai-prices") -> None:
        self.source = source
        self._providers = providers
        self._by_id = {provider.id: provider for provider in providers}
        self._by_url: dict[str, str | None] = {}
        self._as_of: str | None = None
        self._day = 0
        self._found: dict[tuple[str, str, str | None, str | None, bool], Price | None] = {}

    def provider(self, name: str | None, url: str | None = None) -> str | None:
        """Return the provider's name in the list: the given one, else that of the provider at the address."""
        if name is not None and name in self._by_id:
            return name
        if url is None:
            return None
        if url not in self._by_url:
            found = next((each.id for each in self._providers if re.match(each.api_pattern, url)), None)
            self._by_url[url] = found
        return self._by_url[url]

    def price(
        self,
        provider: str,
        model: str,
        *,
        tier: str | None = None,
        speed: str | None = None,
        apart: bool = False,
        now: datetime | None = None,
    ) -> Price | None:
        """Return what a model costs at a provider; `None` if it is not in the list.

        `tier` and `speed` are those at which the provider served the call; `apart`: that tier has prices of its own.
        """
        day = int(time.time() if now is None else now.timestamp()) // _DAY
        if day != self._day or len(self._found) > _KEPT:
            self._day, self._as_of = day, _newest(self._providers, datetime.fromtimestamp(day * _DAY, UTC).date())
            self._found.clear()
        key = (provider, model, tier, speed, apart)
        if key in self._found:
            return self._found[key]
        entry = self._entry(provider, model)
        price = self._price(entry, tier, speed, apart, now or datetime.now(UTC)) if entry is not None else None
        if entry is None or not _varies_within_a_day(entry):
            self._found[key] = price
        return price

    def known(self, provider: str, model: str) -> ModelInfo | None:
        """Return what the list contains of a model besides its price."""
        entry = self._entry(provider, model)
        if entry is None:
            return None
        return ModelInfo(id=model, display_name=entry.name, context_window=entry.context_window)

    def _entry(self, provider: str, model: str) -> Entry | None:
        found = self._by_id.get(provider)
        return found.find_model(model, all_providers=list(self._providers)) if found is not None else None

    def _price(self, entry: Entry, tier: str | None, speed: str | None, apart: bool, now: datetime) -> Price | None:
        tier = tier.lower() if tier else None
        fact = "processing" if tier == _BATCH else "service_tier"
        known = _prices_by(entry, fact)
        if tier in _USUAL or (not known and not apart and tier != _BATCH):
            tier = None
        elif tier is not None and tier not in known:
            return None
        context = {key: value for key, value in ((fact, tier), ("speed", speed)) if value}
        return _read(entry.get_prices(now, context), source=self.source, as_of=self._as_of)


def read_published() -> PublishedPrices:
    """Read the prices of the installed package, which are as recent as it is. This takes 0.4 s once."""
    from importlib.metadata import version

    from genai_prices.data import providers

    return PublishedPrices(providers, source=f"genai-prices {version('genai-prices')}")


def _read(written: ModelPrice, *, source: str, as_of: str | None) -> Price | None:
    values: Mapping[str, Decimal | TieredPrices | None] = vars(written)
    known = {key: value for key, value in values.items() if value is not None and (key in _CLASSES or key == _FEE)}
    if any(values.get(key) is not None for key in _MIXED):
        known.pop("output_mtok", None)
    if not known:
        return None
    marks = sorted({tier.start for value in known.values() for tier in getattr(value, "tiers", ())})
    tiers = tuple(Tier(mark, _rates(known, mark + 1)) for mark in marks)
    fees = {tool: _of_thousand(fee) for key, tool in _TOOLS.items() if (fee := values.get(key)) is not None}
    return Price(rates=_rates(known, 0), tiers=tiers, source=source, as_of=as_of, fees=fees)


def _rates(written: Mapping[str, Decimal | TieredPrices], prompt: int) -> Rates:
    """Return the rates for a prompt of that many tokens."""
    rates: dict[str, int] = {}
    for key, value in written.items():
        if key == _FEE:
            rates["call"] = _of_thousand(value, prompt)
        else:
            rates[_CLASSES[key]] = rate_of(_amount(value, prompt))
    return Rates(**rates)


def _of_thousand(value: Decimal | TieredPrices, prompt: int = 0) -> int:
    """Return the nano-USD of one, by the dollars of a thousand."""
    return rate_of(_amount(value, prompt)) // 1000


def _amount(value: Decimal | TieredPrices, prompt: int) -> Decimal:
    """Return the dollars for a prompt of that many tokens. Some are results of binary arithmetic, such as
    0.18000000000000002."""
    from decimal import Decimal

    if not isinstance(value, Decimal):
        matching = [tier.price for tier in value.tiers if prompt > tier.start]
        value = matching[-1] if matching else value.base
    return round(value, 9)


def _prices_by(entry: Entry, fact: str) -> set[str]:
    """Return the values of a fact by which a model's price varies."""
    return {variant.when[fact] for variant in entry.price_variants or () if fact in variant.when}


def _varies_within_a_day(entry: Entry) -> bool:
    return isinstance(entry.prices, list) and any(
        each.constraint is not None and not hasattr(each.constraint, "start_date") for each in entry.prices
    )


def _newest(providers: Iterable[Provider], day: date) -> str | None:
    """Return the latest date from which a price in the list applies. The list has no date, but is that recent."""
    starts = (
        start
        for provider in providers
        for entry in provider.models
        for each in (*(entry.prices if isinstance(entry.prices, list) else ()), *(entry.price_variants or ()))
        if (start := getattr(each.constraint, "start_date", None)) is not None
    )
    latest = max((start for start in starts if start <= day), default=None)
    return latest.isoformat() if latest is not None else None
