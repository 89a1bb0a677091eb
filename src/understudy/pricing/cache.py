"""The published prices, loaded once a process, in a thread, and only when they are needed.

Importing them takes 0.4 s of CPU time, so loading begins when the first request is sent and is waited for when its
answer has come.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future

from understudy.pricing.published import PublishedPrices, read_published

logger = logging.getLogger("understudy")

PATIENCE = 10.0
"""Seconds that an answer waits for prices before it is returned with an unknown cost."""
_NONE = PublishedPrices()


class PublishedPriceCache:
    """Holds the published prices. Safe to use from many threads and event loops."""

    def __init__(self, read: Callable[[], PublishedPrices] = read_published) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._loading: Future[PublishedPrices] | None = None
        self.prices: PublishedPrices | None = None
        """`None` until they are loaded; empty if they cannot be."""
        self.version = 0
        """Grows whenever more becomes known of models, here or from a provider's own list."""

    @property
    def loaded(self) -> bool:
        """Whether there is nothing to wait for."""
        return self.prices is not None

    @property
    def is_loading(self) -> bool:
        """Whether a load has begun and not ended."""
        return self.prices is None and self._loading is not None

    def begin(self) -> None:
        """Start to load, unless that has been done. Return at once."""
        if self.prices is not None:
            return
        loading, mine = self._claim()
        if mine:
            threading.Thread(target=self._load, args=(loading,), name="understudy-prices").start()

    async def ready(self) -> None:
        """Wait until the prices are loaded, without blocking the event loop. Never raise if they cannot be."""
        if self.prices is not None:
            return
        self.begin()
        loading = self._loading
        if loading is None:
            return
        try:
            await asyncio.wait_for(asyncio.wrap_future(loading), PATIENCE)
        except TimeoutError:
            logger.warning("prices are still not loaded after %g s; costs are unknown until they are", PATIENCE)

    def load(self) -> PublishedPrices:
        """Load in the calling thread, or wait for the thread that is loading."""
        if self.prices is None:
            loading, mine = self._claim()
            if mine:
                self._load(loading)
            return loading.result()
        return self.prices

    def join(self) -> None:
        """Wait for a load that has begun: the child of a fork in the meantime would wait for it forever."""
        loading = self._loading
        if loading is not None and not loading.done():
            loading.exception(PATIENCE)

    def _claim(self) -> tuple[Future[PublishedPrices], bool]:
        with self._lock:
            if self._loading is not None:
                return self._loading, False
            self._loading = Future()
            self._loading.set_running_or_notify_cancel()  # a caller that gives up must not cancel it for the others
            return self._loading, True

    def _load(self, loading: Future[PublishedPrices]) -> None:
        try:
            self.prices = self._read()
        except Exception:
            # An invalid price list must not cost anyone an answer.
            logger.warning("genai-prices cannot be loaded; costs that need it are unknown", exc_info=True)
            self.prices = _NONE
        self.version += 1
        loading.set_result(self.prices)


PRICE_CACHE = PublishedPriceCache()
"""The cache of this process."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=PRICE_CACHE.join)
