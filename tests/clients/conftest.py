"""A gateway in front of all ten emulated providers, and official clients whose requests it answers in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import httpx
import pytest

from tests.clients.anthropic_client import Anthropic
from tests.clients.cohere_client import Cohere
from tests.clients.google_client import Google
from tests.clients.groq_client import Groq
from tests.clients.ollama_client import Ollama
from tests.clients.openai_client import OpenAI, Responses
from tests.gateway.conftest import entries
from understudy.emulator import Emulator
from understudy.gateway import app

MODELS = {"azure-openai": "gpt-4.1-mini"}
"""The models of providers that have none by default."""
HOME = "http://localhost"
CLIENTS: tuple[Any, ...] = (OpenAI, Responses, Anthropic, Google, Cohere, Ollama, Groq)
Connect = Callable[..., Awaitable[tuple[Any, Emulator]]]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Open clients of gateways: `await connect(OpenAI, "anthropic", "google")`; the first provider is asked first."""
    async with AsyncExitStack() as stack:

        async def open_(kind: Any, *providers: str, **tables: Any) -> tuple[Any, Emulator]:
            emulator = await stack.enter_async_context(Emulator(providers))
            configured = entries(emulator, providers)
            for entry in configured:
                entry.setdefault("text_model", MODELS.get(entry["name"]))
            gateway = app({"llm": {"providers": configured, **tables}})
            stack.push_async_callback(gateway.aclose)
            home = f"{HOME}/cohere" if kind is Cohere else HOME
            http = httpx.AsyncClient(transport=httpx.ASGITransport(gateway), base_url=home)
            client = kind(http, home)
            stack.push_async_callback(client.close)
            return client, emulator

        yield open_
