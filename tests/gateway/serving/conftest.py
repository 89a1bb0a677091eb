from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from importlib.util import find_spec

import pytest


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run on the loop that `understudy serve` uses, and in the broad form on Python's own too."""
    own: Mapping[str, Callable[[], asyncio.AbstractEventLoop]] = {"asyncio": asyncio.new_event_loop}
    if find_spec("uvloop") is None or item.path.name == "test_processes.py":  # those have a loop of their own
        return own
    import uvloop

    return {"uvloop": uvloop.new_event_loop, **(own if config.getoption("--deep") else {})}
