"""What one entry's models cost: the sources of a price, in the order in which they are consulted."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec

from understudy.domain.bounded import BoundedDict
from understudy.domain.money import Cost
from understudy.domain.prices import FREE, Price, PriceQuery, Rates, rate_of
from understudy.domain.responses import ModelInfo
from understudy.pricing.cache import PRICE_CACHE, PublishedPriceCache
from understudy.pricing.published import PublishedPrices
from understudy.providers.base import ProviderRow
from understudy.settings import ProviderConfig

RECENT = 60.0
"""Seconds for which a price that was found holds; prices may change with the date or the hour."""
MOST_RECENT = 1000
"""Recent prices that are remembered."""
LISTED = 16_384
"""Models of a provider's list that are remembered."""

_PARTNER = "{partner}"
"""Stands in a row's `price_id` where every partner that answers has a list of its own."""


class PriceLookup:
    """The prices of an entry: its own table, then the provider's list of models, then what is published.

    Published prices are those of the provider that the address belongs to. At any other address the seller is unknown:
    it may be a proxy of the provider, or another server with the same wire format; `price_id` names it.
    """

    def __init__(
        self, config: ProviderConfig, row: ProviderRow, base_url: str, *, cache: PublishedPriceCache | None = None
    ) -> None:
        self._config = config
        self._fees = {tool: rate_of(fee) for tool, fee in config.fees.items()}
        self._free = FREE if row.local and not any(host in base_url for host in row.billed_hosts) else None
        self._reported = _ReportedModels(f"{row.title}'s list of models")
        self._seller = _seller(config, row, base_url)
        self._cache = cache or PRICE_CACHE
        self._recent = _RecentPrices()
        self._tiers = row.priced_tiers

    @property
    def version(self) -> int:
        """Grows whenever more becomes known of models or prices."""
        return self._cache.version

    # ---- what has to be loaded ----

    def awaits(self, model: str | None) -> bool:
        """Check whether the price of a model needs something that is not loaded yet."""
        return self._cache.prices is None and self._needs_published(model)

    def begin(self, model: str | None) -> None:
        """Start to load what the price of a model needs. Return at once."""
        if self._cache.prices is None and self._needs_published(model):
            self._cache.begin()

    async def ready(self, model: str | None) -> None:
        """Wait for what the price of a model needs, if anything."""
        if self.awaits(model):
            await self._cache.ready()

    def load(self, model: str | None) -> None:
        """Load what the price of a model needs in the calling thread, which takes 0.4 seconds once."""
        if self.awaits(model):
            self._cache.load()

    def _needs_published(self, model: str | None) -> bool:
        if not self._seller.is_listed:
            return False
        if model is None:  # it may be any of the provider's
            return self._config.price is None and self._free is None
        return self._unpublished(self._seller.split(model, None)) is None

    # ---- what is known ----

    def learn(self, models: Iterable[ModelInfo]) -> None:
        """Remember what the provider's list of models reported."""
        self._reported.add(models)
        self._cache.version += 1  # last: a plan in another thread looks again only once all is there

    def known(self, model: str) -> ModelInfo | None:
        """Return what the provider reported of a model, completed by what is published; `None` if nothing is known."""
        reported = self._reported.models.get(model)
        if reported is not None and reported.context_window is not None:
            return reported
        name = self._seller.split(model, None)
        prices = self._cache.prices
        provider = self._seller.listed_as(prices, name.partner)
        listed = prices.known(provider, name.model) if prices is not None and provider is not None else None
        if reported is None or listed is None:
            return reported or listed
        return msgspec.structs.replace(reported, context_window=listed.context_window)

    def price(self, model: str) -> Price | None:
        """Return what a model usually costs; `None` if that is unknown."""
        name = self._seller.split(model, None)
        return self._complete(self._unpublished(name) or self._published(name))

    def cost(self, query: PriceQuery) -> Cost | None:
        """Return what an attempt cost; `None` if that is unknown."""
        price = self._recent.price(query, self._cache.version, self._with_fees)
        return price.cost(query.usage, estimated=query.estimated) if price is not None else None

    # ---- the sources ----

    def _with_fees(self, query: PriceQuery) -> Price | None:
        return self._complete(self._price(query))

    def _complete(self, price: Price | None) -> Price | None:
        """Return a price with the fees of hosted tools that the entry sets."""
        if price is None or not self._fees:
            return price
        return msgspec.structs.replace(price, fees={**price.fees, **self._fees})

    def _price(self, query: PriceQuery) -> Price | None:
        names = [self._seller.split(model, query.partner) for model in query.models]
        unpublished = next((price for name in names if (price := self._unpublished(name)) is not None), None)
        if unpublished is not None:
            return unpublished
        if query.region is not None:  # dearer, by a factor that is not in any list
            return None
        found = (self._published(name, tier=query.service_tier, speed=query.speed) for name in names)
        return next((price for price in found if price is not None), None)

    def _unpublished(self, name: _ModelName) -> Price | None:
        """Return the price that needs no published list: the user's, that of a local model, the provider's own."""
        full = f"{name.model}:{name.partner}" if name.partner else name.model
        config = self._config
        own = config.prices.get(full) or config.prices.get(name.model) or config.price
        return own or self._free or self._reported.prices.get(full)

    def _published(self, name: _ModelName, *, tier: str | None = None, speed: str | None = None) -> Price | None:
        prices = self._cache.prices
        provider = self._seller.listed_as(prices, name.partner)
        if prices is None or provider is None:
            return None
        return prices.price(provider, name.model, tier=tier, speed=speed, apart=tier in self._tiers)


class _ModelName(NamedTuple):
    model: str
    partner: str | None


class _Seller(msgspec.Struct, frozen=True):
    """The provider whose published prices apply."""

    name: str | None
    """Its name in price lists; empty if it is in none of them, `None` if the address decides."""
    url: str
    by_partner: bool
    """Whether the partner that answers is the one with a price list."""
    is_listed: bool
    """Whether a price list may contain it."""

    def split(self, model: str, partner: str | None) -> _ModelName:
        """Split off the partner that a model's name pins; the one that answered takes precedence."""
        if not self.by_partner:
            return _ModelName(model, None)
        name, _, pinned = model.partition(":")
        return _ModelName(name, partner or pinned or None)

    def listed_as(self, prices: PublishedPrices | None, partner: str | None) -> str | None:
        """Return its name in the published list."""
        if prices is None or not self.is_listed:
            return None
        name = self.name
        if name is not None and self.by_partner:
            name = name.replace(_PARTNER, partner) if partner else None
            return name and prices.provider(name)
        return prices.provider(name, self.url)


def _seller(config: ProviderConfig, row: ProviderRow, base_url: str) -> _Seller:
    name = config.price_id
    if name is None:
        hosts = (urlsplit(row.base_url).hostname, *row.billed_hosts)
        if row.base_url_required or urlsplit(base_url).hostname in hosts:
            name = row.type if row.price_id is None else row.price_id
    is_listed = not _is_private(base_url) if name is None else bool(name)
    return _Seller(name, base_url, _PARTNER in (config.price_id or row.price_id or ""), is_listed)


def _is_private(base_url: str) -> bool:
    host = urlsplit(base_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".local", ".internal", ".localhost"))


class _RecentPrices:
    """Prices of attempts, each looked up once a minute: most calls need the same few."""

    def __init__(self) -> None:
        self._found: dict[tuple[str | None, ...], Price | None] = {}
        self._version = -1
        self._until = 0.0

    def price(self, query: PriceQuery, version: int, look_up: Callable[[PriceQuery], Price | None]) -> Price | None:
        """Return the price of an attempt, looked up unless that was done recently, in the same `version`."""
        now = time.monotonic()
        if now > self._until or self._version != version or len(self._found) > MOST_RECENT:
            self._found = {}  # a new one: another thread may be using the old one
            self._until, self._version = now + RECENT, version
        key = (query.model, query.answered_model, query.service_tier, query.speed, query.region, query.partner)
        found = self._found
        if key not in found:
            found[key] = look_up(query)
        return found[key]


class _ReportedModels:
    """What a provider's own list reported of its models."""

    def __init__(self, source: str) -> None:
        self._source = source
        self.models: BoundedDict[str, ModelInfo] = BoundedDict(LISTED)
        self.prices: BoundedDict[str, Price] = BoundedDict(LISTED)

    def add(self, models: Iterable[ModelInfo]) -> None:
        """Remember models and their prices."""
        today = time.strftime("%Y-%m-%d", time.gmtime())
        for model in models:
            self.models[model.id] = model
            if price := _reported_price(model, source=self._source, as_of=today):
                self.prices[model.id] = price


def _reported_price(model: ModelInfo, *, source: str, as_of: str) -> Price | None:
    """Return the price in a provider's list. Zeros mean free only if the list also says so: models billed by the hour
    or by the image have zeros too."""
    if model.input_price is None:
        return None
    rates = Rates(
        input=rate_of(model.input_price),
        output=rate_of(model.output_price) if model.output_price is not None else None,
        cache_read=rate_of(model.cache_read_price) if model.cache_read_price is not None else None,
    )
    if not rates.input and not rates.output and (model.raw or {}).get("is_free") is not True:
        return None
    return Price(rates=rates, source=source, as_of=as_of)
