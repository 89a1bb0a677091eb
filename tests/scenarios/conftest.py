"""A primary, a backup and a local understudy, each an emulator behind a socket of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

import understudy as u
from understudy.emulator import Emulator

PROVIDERS = ("openai", "anthropic", "ollama")
NAMES = {"openai": "primary", "anthropic": "backup", "ollama": "local"}

Stage = Callable[..., u.ProviderManager]


@pytest.fixture
async def emulator() -> AsyncIterator[Emulator]:
    async with Emulator((*PROVIDERS, "groq")) as running:
        yield running


@pytest.fixture
async def stage(emulator: Emulator) -> AsyncIterator[Stage]:
    """Build managers over the emulators; `entries` overrides fields of single entries by provider."""
    managers: list[u.ProviderManager] = []

    def build(
        *providers: str, entries: dict[str, dict[str, Any]] | None = None, sink: Any = None, **fallback: Any
    ) -> u.ProviderManager:
        configs = []
        for position, provider in enumerate(providers or PROVIDERS):
            config = u.ProviderConfig(
                provider=provider,
                name=NAMES.get(provider, provider),
                base_url=emulator.url(provider),
                api_key=u.Secret(emulator.key),
                priority=position,
            )
            configs.append(msgspec.structs.replace(config, **(entries or {}).get(provider, {})))
        fallback = {"retry_delay_ms": 1, "max_retries": 3, **fallback}
        manager = u.ProviderManager([u.create_provider(c) for c in configs], u.FallbackConfig(**fallback), sink=sink)
        managers.append(manager)
        return manager

    yield build
    for manager in managers:
        await manager.aclose()
