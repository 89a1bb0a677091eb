"""A gateway in front of emulated providers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.gateway.asgi import Asgi
from tests.ledger.conftest import postgres, postgres_url, store
from understudy.emulator import Emulator
from understudy.gateway.application import Gateway, app

__all__ = ["opened", "postgres", "postgres_url", "store"]

Open = Callable[..., Awaitable[tuple[Asgi, Emulator, Gateway]]]
MODELS = {"ollama": "llama3.2", "huggingface": "meta-llama/Llama-3.3-70B-Instruct"}


def entries(emulator: Emulator, names: tuple[str, ...]) -> list[dict[str, Any]]:
    """Return an entry for each provider, as a configuration holds it."""
    found: list[dict[str, Any]] = []
    for priority, name in enumerate(names, start=1):
        entry: dict[str, Any] = {"name": name, "provider": name, "base_url": emulator.url(name), "priority": priority}
        if name != "ollama":
            entry["api_key"] = emulator.key
        if name in MODELS:
            entry["text_model"] = MODELS[name]
        found.append(entry)
    return found


@pytest.fixture
async def opened() -> AsyncIterator[Open]:
    """Open gateways: `await opened("openai", "anthropic", gateway={...})`; the first provider is asked first."""
    async with AsyncExitStack() as stack:

        async def open_(*names: str, **tables: Any) -> tuple[Asgi, Emulator, Gateway]:
            emulator = await stack.enter_async_context(Emulator(names))
            gateway = app({"llm": {"providers": entries(emulator, names), **tables}})
            stack.push_async_callback(gateway.aclose)
            return Asgi(gateway), emulator, gateway

        yield open_
