"""Published prices are loaded once, in a thread, whoever asks; without them everything still works."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import subprocess
import sys
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from understudy.pricing.cache import PublishedPriceCache
from understudy.pricing.published import PublishedPrices


class Reading:
    """Counts its reads, each of which waits until it may go on."""

    def __init__(self) -> None:
        self.threads: list[threading.Thread] = []
        self.go_on = threading.Event()
        self.prices = PublishedPrices(source="test")

    def __call__(self) -> PublishedPrices:
        self.threads.append(threading.current_thread())
        assert self.go_on.wait(30)
        return self.prices


async def test_it_is_read_once_in_a_thread_for_everyone() -> None:
    reading = Reading()
    cache = PublishedPriceCache(reading)
    cache.begin()
    waiting = [asyncio.create_task(cache.ready()) for _ in range(5)]
    await asyncio.sleep(0)
    assert not cache.loaded  # and the event loop is free meanwhile
    reading.go_on.set()
    await asyncio.gather(*waiting)
    assert cache.prices is reading.prices
    assert cache.load() is reading.prices
    assert len(reading.threads) == 1
    assert reading.threads[0] is not threading.current_thread()


def test_loops_of_several_threads_share_it() -> None:
    reading = Reading()
    cache = PublishedPriceCache(reading)
    with ThreadPoolExecutor(4) as pool:
        waiting: list[Future[Any]] = [pool.submit(asyncio.run, cache.ready()) for _ in range(3)]
        waiting.append(pool.submit(cache.load))
        reading.go_on.set()
        for each in waiting:
            each.result(10)
    assert len(reading.threads) == 1


async def test_giving_up_waiting_takes_it_from_nobody_else() -> None:
    reading = Reading()
    cache = PublishedPriceCache(reading)
    impatient, patient = asyncio.create_task(cache.ready()), asyncio.create_task(cache.ready())
    await asyncio.sleep(0)
    impatient.cancel()
    with pytest.raises(asyncio.CancelledError):
        await impatient
    reading.go_on.set()
    await patient
    assert cache.prices is reading.prices


async def test_without_prices_everything_else_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    def fails() -> PublishedPrices:
        raise ModuleNotFoundError("No module named 'genai_prices'")

    cache = PublishedPriceCache(fails)
    with caplog.at_level(logging.WARNING, "understudy"):
        await cache.ready()
        await cache.ready()
    assert cache.load().price("openai", "gpt-4o") is None
    assert [record.message for record in caplog.records] == [
        "genai-prices cannot be loaded; costs that need it are unknown"
    ]


async def test_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("understudy.pricing.cache.PATIENCE", 0.01)
    reading = Reading()
    cache = PublishedPriceCache(reading)
    await cache.ready()
    assert "still not loaded" in caplog.text
    assert not cache.loaded
    reading.go_on.set()
    assert cache.load() is reading.prices


def test_a_fork_waits_for_a_load_that_has_begun() -> None:
    """Else the child would inherit a thread's work without the thread."""
    code = (
        "import os\n"
        "from understudy.pricing.cache import PRICE_CACHE\n"
        "PRICE_CACHE.begin()\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    os._exit(0 if PRICE_CACHE.load().price('openai', 'gpt-4o') else 1)\n"
        "raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
    )
    if "fork" not in multiprocessing.get_all_start_methods():
        pytest.skip("this system has no fork")
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", code], timeout=30, check=False).returncode == 0


def test_importing_and_building_loads_nothing() -> None:
    code = (
        "import sys, threading, understudy as u\n"
        "llm = u.create_provider(u.ProviderConfig(provider='openai', api_key=u.Secret('sk-x')))\n"
        "u.ProviderManager([llm, u.create_provider(u.ProviderConfig(provider='ollama'))])\n"
        "assert not {'genai_prices', 'pydantic', 'understudy.pricing.lookup'} & set(sys.modules)\n"
        "assert threading.active_count() == 1\n"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=30, check=False).returncode == 0
