"""An emulated provider in a thread of its own, and blocking clients of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

import understudy
from understudy import blocking
from understudy.emulator import Emulator, emulate


@pytest.fixture(scope="session")
def running() -> Iterator[Emulator]:
    with emulate("openai", "anthropic") as emulator:
        yield emulator


@pytest.fixture
def emulator(running: Emulator) -> Emulator:
    """The emulator, healthy again."""
    for provider in running.providers:
        running.script(provider)
    return running


@pytest.fixture
def entry(emulator: Emulator) -> understudy.ProviderConfig:
    return understudy.ProviderConfig(
        provider="openai",
        base_url=emulator.url("openai"),
        api_key=understudy.Secret(emulator.key),
        text_model="gpt-4o-mini",
        embedding_model="text-embedding-3-small",
    )


@pytest.fixture
def llm(entry: understudy.ProviderConfig) -> Iterator[blocking.Provider]:
    with blocking.create_provider(entry) as provider:
        yield provider


@pytest.fixture
def outcome(emulator: Emulator) -> Callable[[], str]:
    """What became of the latest request, once the emulator knows it."""

    def latest() -> str:
        end = time.monotonic() + 30
        while (found := emulator.requests("openai")[-1].outcome) == "open" and time.monotonic() < end:
            time.sleep(0.01)
        return found

    return latest
