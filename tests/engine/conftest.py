"""What the tests of the engine share."""

from __future__ import annotations

import pytest

from understudy.pricing.cache import PRICE_CACHE


@pytest.fixture(scope="session", autouse=True)
def _prices() -> None:
    """Load the prices before any clock is virtual: the thread that loads them takes real time, in which it jumps."""
    PRICE_CACHE.load()
