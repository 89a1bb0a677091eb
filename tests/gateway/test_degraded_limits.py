"""What callers of the gateway are told while the server of the limits is away."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from tests.gateway.asgi import Asgi
from tests.gateway.conftest import entries
from understudy.emulator import Emulator
from understudy.gateway.application import app
from understudy.ledger.valkey.store import ValkeyLimits

CHAT = {"model": "openai", "messages": [{"role": "user", "content": "hi"}]}
WARNING = (
    "degraded limits: the server that keeps the limits is away or slow, so each of 2 processes keeps its share of them"
)


@pytest.fixture
def limits() -> Iterator[ValkeyLimits]:
    pytest.importorskip("redis", reason="the package redis is not installed: pip install 'understudy[valkey]'")
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        made = ValkeyLimits(f"redis://127.0.0.1:{bound.getsockname()[1]}", processes=2)
        yield made
        made.close()


@pytest.fixture
async def caller(limits: ValkeyLimits) -> AsyncIterator[Asgi]:
    async with Emulator(("openai",)) as emulator, asyncio.timeout(30):
        table: dict[str, Any] = {
            "providers": entries(emulator, ("openai",)),
            "limits": [{"requests_per_minute": 2}],
            "gateway": {"passthrough": ["openai/*"]},
        }
        gateway = app({"llm": table}, sink=limits)
        while limits.trouble is None:
            await asyncio.sleep(0.01)
        yield Asgi(gateway)
        await gateway.aclose()


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer_and_a_refusal_state_it(caller: Asgi, stream: bool) -> None:
    answer = await caller.post("/v1/chat/completions", {**CHAT, "stream": stream})
    assert (answer.status, answer.headers["x-understudy-warnings"]) == (200, WARNING)
    found = [answer.headers[f"x-ratelimit-{name}-requests"] for name in ("limit", "remaining")]
    assert found == ["2", "0"], "the share of this process is used up"
    refused = await caller.post("/v1/chat/completions", {**CHAT, "stream": stream})
    assert refused.status == 429
    assert "the server that keeps the limits is away or slow" in refused.text
    assert "127.0.0.1" not in refused.text
    assert int(refused.headers["retry-after"]) > 0


async def test_what_is_passed_through_states_it_too(caller: Asgi) -> None:
    answer = await caller.get("/passthrough/openai/models")
    assert (answer.status, answer.headers["x-understudy-warnings"]) == (200, WARNING)
    assert (await caller.get("/passthrough/openai/models")).status == 429
