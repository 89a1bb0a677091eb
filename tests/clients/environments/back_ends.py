"""The gateway that the clients reach, and the emulated providers behind it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from tests.gateway.conftest import entries
from understudy.emulator import Emulator
from understudy.gateway import app
from understudy.gateway.serving.limits import Limits
from understudy.gateway.serving.listening import listen
from understudy.gateway.serving.server import Server

PROVIDERS = ("openai", "anthropic", "google", "cohere", "ollama", "groq")
ALIASES = {
    "openai-image": "openai/gpt-4.1-mini",
    "anthropic-image": "anthropic/claude-sonnet-4-6",
    "google-image": "google/gemini-3.8-flash",
    "ollama-image": "ollama/gemma3",
    "anthropic-thinking": "anthropic/claude-sonnet-4-6",
    "cohere-thinking": "cohere/command-a-reasoning-08-2025",
    "ollama-thinking": "ollama/qwen3",
    "openai-vectors": "openai/text-embedding-3-small",
    "cohere-vectors": "cohere/embed-v4.0",
    "google-vectors": "google/gemini-embedding-001",
    "ollama-vectors": "ollama/nomic-embed-text",
}
"""Models that can do more than those of the entries. Some clients read a slash in a name as a path."""
KEY = "the-key-of-the-clients"
NARROW = "a-key-for-images-alone"


@asynccontextmanager
async def gateway(emulator: Emulator) -> AsyncIterator[str]:
    """Run a gateway in front of the emulated providers, and yield its address."""
    keys: Sequence[Any] = [
        {"name": "clients", "key": KEY},
        {"name": "narrow", "key": NARROW, "models": ["ollama-image"]},
    ]
    configured = entries(emulator, PROVIDERS)
    served = app(
        {
            "llm": {
                "providers": configured,
                "fallback": {"max_attempts": 1, "enabled": False},
                "gateway": {"aliases": ALIASES, "keys": keys},
            }
        }
    )
    server = Server(served, drain=1.0, limits=Limits())
    sockets = listen("127.0.0.1", 0, 128)
    running = asyncio.create_task(server.run_on(sockets))
    try:
        await server.serving.wait()
        yield f"http://127.0.0.1:{sockets[0].getsockname()[1]}"
    finally:
        server.stop()
        server.stop()
        await running
        await served.aclose()
