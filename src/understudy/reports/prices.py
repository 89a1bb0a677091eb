"""Reports of what models cost, with the source and the date of each price, and of what is left of quotas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from understudy.client.provider import Provider
from understudy.domain.attempts import AttemptRecord
from understudy.domain.money import Money
from understudy.domain.prices import Price, Rates
from understudy.reports.survey import key_source
from understudy.reports.waterfall import PriceOf
from understudy.telemetry.snapshot import Snapshot, TargetSnapshot

CLASSES = (
    *("input", "cache_read", "cache_read_audio", "cache_write", "cache_write_1h"),
    *("output", "reasoning", "audio_input", "audio_output"),
)
"""The classes of tokens that may have a rate."""


class TierResult(msgspec.Struct, frozen=True, kw_only=True):
    """Rates of long prompts."""

    above: int
    """Tokens of the prompt; the rates apply to the whole call."""
    rates: dict[str, str]


class PriceResult(msgspec.Struct, frozen=True, kw_only=True):
    """The price of a model; unknown without a `source`."""

    target: str
    """`entry/model`."""
    provider: str
    provider_type: str
    model: str
    source: str | None = None
    as_of: str | None = None
    """ISO date of the source."""
    rates: dict[str, str] = {}
    """US dollars per million tokens by class, as decimal strings. A missing class is billed as the class it is part
    of."""
    call: str | None = None
    """US dollars per call."""
    fees: dict[str, str] = {}
    """US dollars per call of each hosted tool."""
    tiers: tuple[TierResult, ...] = ()


class QuotaResult(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of one limit of a key, as the provider said with its last answer to one of the processes."""

    unit: str
    """`requests`, `tokens`, `input tokens`, …"""
    left: int
    limit: int | None
    resets: float | None
    """Unix seconds at which it is whole again; `None` if the provider does not state it."""


class ModelResult(msgspec.Struct, frozen=True, kw_only=True):
    """A model of an entry."""

    model: str
    operations: tuple[str, ...]
    """`text`, `embedding`."""
    is_configured: bool
    """Whether the entry names it; else callers do."""
    price: PriceResult
    quotas: tuple[QuotaResult, ...]


class EntryModels(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the configuration and its models."""

    provider: str
    """Name of the entry."""
    provider_type: str
    base_url: str | None
    key: str | None
    """Where the key comes from, never the key."""
    models: tuple[ModelResult, ...]


class ProviderModels(msgspec.Struct, frozen=True, kw_only=True):
    """All entries, in the order of the configuration."""

    entries: tuple[EntryModels, ...]


def report_price(provider: Provider, model: str) -> PriceResult:
    """Return what a model costs at an entry, as far as prices are loaded."""
    price = provider.price_of(model)
    result = PriceResult(
        target=f"{provider.name}/{model}", provider=provider.name, provider_type=provider.provider_type, model=model
    )
    return result if price is None else msgspec.structs.replace(result, **_of_price(price))


def prices_of(providers: Iterable[Provider]) -> PriceOf:
    """Return a function that looks up the price of attempts at entries: that of the model that answered, else of the
    one that was asked. Prices that are not loaded are unknown."""
    known = {provider.name: provider for provider in providers}

    def price_of(record: AttemptRecord) -> Price | None:
        provider = known.get(record.provider)
        if provider is None:
            return None
        models = (model for model in (record.answered_model, record.model) if model is not None)
        return next((price for model in models if (price := provider.price_of(model)) is not None), None)

    return price_of


def _of_price(price: Price) -> dict[str, object]:
    return {
        "source": price.source,
        "as_of": price.as_of,
        "rates": _rates(price.rates),
        "call": _usd(price.rates.call) if price.rates.call else None,
        "fees": {tool: _usd(fee) for tool, fee in sorted(price.fees.items())},
        "tiers": tuple(TierResult(above=tier.above, rates=_rates(tier.rates)) for tier in price.tiers),
    }


def report_models(providers: Iterable[Provider], snapshots: Sequence[Snapshot] = ()) -> ProviderModels:
    """Return the models of entries: those that they name, and those that processes of the gateway were asked for.

    `snapshots`: of the processes, for quotas and for the models that callers name.
    """
    asked = _asked(snapshots)
    return ProviderModels(entries=tuple(_entry(provider, asked.get(provider.name, {})) for provider in providers))


def _entry(provider: Provider, asked: Mapping[str, Sequence[_Seen]]) -> EntryModels:
    config = provider.config
    text_model = None if config.embeds_alone else provider.text_model
    named = {model: kind for model, kind in ((text_model, "text"), (config.embedding_model, "embedding")) if model}
    return EntryModels(
        provider=provider.name,
        provider_type=provider.provider_type,
        base_url=provider.backend.endpoint(None).base_url,
        key=key_source(config, provider.row),
        models=tuple(
            ModelResult(
                model=model,
                operations=tuple(
                    sorted({named.get(model, "text")} | {each.operation for _, each in asked.get(model, ())})
                ),
                is_configured=model in named,
                price=report_price(provider, model),
                quotas=_quotas(asked.get(model, ())),
            )
            for model in (*named, *sorted(asked.keys() - named.keys()))
        ),
    )


_Seen = tuple[Snapshot, TargetSnapshot]


def _asked(snapshots: Sequence[Snapshot]) -> dict[str, dict[str, list[_Seen]]]:
    """Return the targets as the processes see them, by entry and model."""
    found: dict[str, dict[str, list[_Seen]]] = {}
    for snapshot in snapshots:
        for target in snapshot.targets:
            if target.model is not None:
                found.setdefault(target.entry, {}).setdefault(target.model, []).append((snapshot, target))
    return found


def _quotas(seen: Sequence[_Seen]) -> tuple[QuotaResult, ...]:
    """Return the least that any process was told of each limit."""
    least: dict[str, QuotaResult] = {}
    for snapshot, target in seen:
        for quota in target.quotas:
            resets = None if quota.resets is None else snapshot.at + quota.resets
            result = QuotaResult(unit=quota.unit, left=quota.left, limit=quota.limit, resets=resets)
            if (known := least.get(quota.unit)) is None or result.left < known.left:
                least[quota.unit] = result
    return tuple(least[unit] for unit in sorted(least))


def _rates(rates: Rates) -> dict[str, str]:
    return {name: _usd(rate) for name in CLASSES if (rate := getattr(rates, name)) is not None}


def _usd(nano_usd: int) -> str:
    """Return US dollars without trailing zeros."""
    return f"{Money(nano_usd).usd.normalize():f}"
