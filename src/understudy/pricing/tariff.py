"""What one entry's models cost: the order in which the sources of a price are asked."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Iterable
from urllib.parse import urlsplit

import msgspec

from understudy.domain.bounded import BoundedDict
from understudy.domain.money import Cost
from understudy.domain.prices import FREE, Price, PriceQuery, Rates, rate_of
from understudy.domain.responses import ModelInfo
from understudy.pricing.shelf import SHELF, PublishedPriceCache
from understudy.providers.base import ProviderRow
from understudy.settings import ProviderConfig

LATELY = 60.0
"""Seconds for which a price that was found holds; prices may change with the date or the hour."""
MANY = 1000
LISTED = 16_384
"""Models of a provider's list that are remembered."""

_PARTNER = "{partner}"
"""Stands in a row's `price_id` where every partner that answers has a list of its own."""


class PriceLookup:
    """The prices of an entry: its own table, then what its provider's list of models told, then what is published.

    Published prices are those of the provider to whom the address belongs. At an address of one's own nobody can tell
    whose they are: it may be a proxy of the provider, or another server that speaks its language; `price_id` tells.
    """

    def __init__(
        self, config: ProviderConfig, row: ProviderRow, base_url: str, *, shelf: PublishedPriceCache | None = None
    ) -> None:
        self._config = config
        self._shelf = shelf or SHELF
        self._url = base_url
        self._list_title = f"{row.title}'s list of models"
        self._told: BoundedDict[str, ModelInfo] = BoundedDict(LISTED)
        self._live: BoundedDict[str, Price] = BoundedDict(LISTED)
        self._found: dict[tuple[str | None, ...], Price | None] = {}
        self._news = -1
        self._until = 0.0
        self._free = FREE if row.local and not any(host in base_url for host in row.billed_hosts) else None
        self._name = _published_as(config, row, base_url)
        self._by_partner = _PARTNER in (config.price_id or row.price_id or "")
        self._is_published = bool(self._name) or (self._name is None and not _is_private(base_url))

    @property
    def version(self) -> int:
        """Counts up whenever more is known of models or prices."""
        return self._shelf.news

    # ---- what has to be loaded ----

    def begin(self, model: str | None) -> None:
        """Start to load what the price of a model needs. Returns at once."""
        if not self._shelf.loaded and self._needs_published(model):
            self._shelf.begin()

    async def ready(self, model: str | None) -> None:
        """Wait for what the price of a model needs, if anything."""
        if not self._shelf.loaded and self._needs_published(model):
            await self._shelf.ready()

    def load(self, model: str | None) -> None:
        """Load what the price of a model needs in the calling thread, which takes 0.4 seconds once."""
        if not self._shelf.loaded and self._needs_published(model):
            self._shelf.load()

    def _needs_published(self, model: str | None) -> bool:
        """A model that is left open may be any of the provider's."""
        if model is None:
            return self._is_published and self._config.price is None and self._free is None
        return self._is_published and self._nearer(self._split(model, None)) is None

    # ---- what is known ----

    def learn(self, models: Iterable[ModelInfo]) -> None:
        """Remember what the provider's list of models told."""
        today = time.strftime("%Y-%m-%d", time.gmtime())
        for model in models:
            self._told[model.id] = model
            if price := _live_price(model, source=self._list_title, as_of=today):
                self._live[model.id] = price
        self._shelf.news += 1  # last: whoever plans in another thread looks again only once all is there

    def known(self, model: str) -> ModelInfo | None:
        """Return what the provider told of a model, completed by what is published of it; `None` when nothing is."""
        told = self._told.get(model)
        if told is not None and told.context_window is not None:
            return told
        name, partner = self._split(model, None)
        prices, provider = self._shelf.prices, self._provider(partner)
        listed = prices.known(provider, name) if prices is not None and provider is not None else None
        if told is None or listed is None:
            return told or listed
        return msgspec.structs.replace(told, context_window=listed.context_window)

    def price(self, model: str) -> Price | None:
        """Return what a model costs in the usual circumstances; `None` when that is unknown."""
        named = self._split(model, None)
        return self._nearer(named) or self._published(named)

    def cost(self, bill: PriceQuery) -> Cost | None:
        """Return what an attempt cost; `None` when that is unknown."""
        price = self._lately(bill)
        return price.cost(bill.usage, estimated=bill.estimated) if price is not None else None

    # ---- inside ----

    def _lately(self, bill: PriceQuery) -> Price | None:
        """Return the price of an attempt, looked up once a minute: most calls ask for the same few."""
        now = time.monotonic()
        if now > self._until or self._news != self._shelf.news or len(self._found) > MANY:
            self._found = {}  # a new one: another thread may be looking into the old one
            self._until, self._news = now + LATELY, self._shelf.news
        key = (bill.model, bill.answered_model, bill.service_tier, bill.speed, bill.region, bill.partner)
        found = self._found
        if key not in found:
            found[key] = self._price(bill)
        return found[key]

    def _price(self, bill: PriceQuery) -> Price | None:
        names = [self._split(model, bill.partner) for model in bill.models]
        nearer = next((price for name in names if (price := self._nearer(name)) is not None), None)
        if nearer is not None:
            return nearer
        if bill.region is not None:  # dearer, by how much no list tells
            return None
        found = (self._published(name, tier=bill.service_tier, speed=bill.speed) for name in names)
        return next((price for price in found if price is not None), None)

    def _published(
        self, named: tuple[str, str | None], *, tier: str | None = None, speed: str | None = None
    ) -> Price | None:
        name, partner = named
        provider = self._provider(partner)
        if provider is None or self._shelf.prices is None:
            return None
        return self._shelf.prices.price(provider, name, tier=tier, speed=speed)

    def _nearer(self, named: tuple[str, str | None]) -> Price | None:
        """Return the price that needs no published one: the user's, that of the own machine, the live one."""
        name, partner = named
        full = f"{name}:{partner}" if partner else name
        config = self._config
        return config.prices.get(full) or config.prices.get(name) or config.price or self._free or self._live.get(full)

    def _split(self, model: str, partner: str | None) -> tuple[str, str | None]:
        """Take the partner that a model's name pins out of it; the one that answered counts more."""
        if not self._by_partner:
            return model, None
        name, _, pinned = model.partition(":")
        return name, partner or pinned or None

    def _provider(self, partner: str | None) -> str | None:
        """Return what the published list calls the provider."""
        if self._shelf.prices is None or not self._is_published:
            return None
        name = self._name
        if name is not None and self._by_partner:
            name = name.replace(_PARTNER, partner) if partner else None
            return name and self._shelf.prices.provider(name)
        return self._shelf.prices.provider(name, self._url)


def _published_as(config: ProviderConfig, row: ProviderRow, base_url: str) -> str | None:
    """Return what price lists call the provider at an address: empty when none knows it, `None` when that is open."""
    if config.price_id is not None:
        return config.price_id
    own = row.base_url_required or urlsplit(base_url).hostname in (urlsplit(row.base_url).hostname, *row.billed_hosts)
    return (row.type if row.price_id is None else row.price_id) if own else None


def _is_private(base_url: str) -> bool:
    """Tell whether an address is one that no price list can know."""
    host = urlsplit(base_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".local", ".internal", ".localhost"))


def _live_price(model: ModelInfo, *, source: str, as_of: str) -> Price | None:
    """Return the price that a list tells. A zero says that something is free only where the list says so in words:
    what is billed by the hour or the picture has zeros too."""
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
