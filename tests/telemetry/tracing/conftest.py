"""A collector, and the library's own tracing to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

import understudy as u
from tests.telemetry.tracing.collector import Collector, collecting

Made = Callable[..., u.Tracing]


@pytest.fixture
def collector() -> Iterator[Collector]:
    with collecting() as found:
        yield found


@pytest.fixture
def tracing(collector: Collector) -> Iterator[Made]:
    """Make a tracing to the collector: `tracing(content="all")`."""
    made: list[u.Tracing] = []

    def make(**settings: Any) -> u.Tracing:
        found = u.Tracing(u.TracingConfig(**{"endpoint": collector.url, **settings}))
        made.append(found)
        return found

    yield make
    for each in made:
        each.close()
