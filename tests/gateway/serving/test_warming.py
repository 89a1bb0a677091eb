"""Prices are loaded beside, some seconds after the start, where the console will ask for them."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, cast

import pytest

from understudy.client.factory import create_provider
from understudy.gateway.serving import process
from understudy.gateway.serving.process import Process
from understudy.pricing import lookup
from understudy.pricing.cache import PublishedPriceCache
from understudy.pricing.published import PublishedPrices
from understudy.settings import ProviderConfig


@pytest.fixture
def cache(monkeypatch: pytest.MonkeyPatch) -> PublishedPriceCache:
    """The prices of this process, which are not loaded yet."""
    cache = PublishedPriceCache(PublishedPrices)
    monkeypatch.setattr(lookup, "PRICE_CACHE", cache)
    monkeypatch.setattr(process, "WARMING", 0.0)
    return cache


def served(base_url: str | None, *, console: bool = True) -> Process:
    """A process whose gateway has one entry."""
    config = ProviderConfig(provider="openai", api_key="k", text_model="gpt-5-mini", base_url=base_url)
    manager = SimpleNamespace(providers=[create_provider(config)])

    @contextmanager
    def held() -> Generator[Any]:
        yield manager

    settings = SimpleNamespace(console=SimpleNamespace(enabled=console))
    gateway = SimpleNamespace(config=settings, operating=SimpleNamespace(held=held))
    return cast(Process, SimpleNamespace(gateway=gateway))


async def warm(served: Process) -> None:
    await Process._warm(served)  # pyright: ignore[reportPrivateUsage]


async def test_prices_are_there_before_they_are_asked_for(cache: PublishedPriceCache) -> None:
    await warm(served(None))
    assert cache.loaded


async def test_what_nobody_will_ask_for_is_not_loaded(cache: PublishedPriceCache) -> None:
    await warm(served(None, console=False))
    await warm(served("http://127.0.0.1:9/v1"))
    assert not cache.loaded
