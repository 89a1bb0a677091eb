"""Lists of models: a provider that is slow or away delays nobody for long."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from aiohttp import web

from tests.gateway.asgi import Asgi
from understudy.gateway import catalogue
from understudy.gateway.application import app


class Vendor:
    """Lists one model once it is let."""

    def __init__(self) -> None:
        self.lists = asyncio.Event()
        self.status = 200
        self.asked = 0
        self.url = ""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        self.asked += 1
        await self.lists.wait()
        return web.json_response({"object": "list", "data": [{"id": "gpt-1", "object": "model"}]}, status=self.status)


Open = Callable[[], tuple[Asgi, Vendor, Vendor]]


@pytest.fixture
async def opened(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Open]:
    """Open a gateway over an entry that answers and one that does not, yet."""
    monkeypatch.setattr(catalogue, "PATIENCE", 600.0)
    async with AsyncExitStack() as stack:
        vendors = {"well": Vendor(), "away": Vendor()}
        vendors["well"].lists.set()
        for vendor in vendors.values():
            listener = await asyncio.get_running_loop().create_server(
                web.Server(vendor.handle, access_log=None), "127.0.0.1", 0
            )
            vendor.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1"
            stack.callback(listener.close)

        def open_() -> tuple[Asgi, Vendor, Vendor]:
            entries: list[Any] = [
                {"provider": "openai", "name": name, "base_url": each.url, "api_key": "k-0123456789", "text_model": "m"}
                for name, each in vendors.items()
            ]
            made = app({"llm": {"providers": entries}})
            stack.push_async_callback(made.aclose)
            return Asgi(made), vendors["well"], vendors["away"]

        yield open_
        for vendor in vendors.values():
            vendor.lists.set()


async def listed(caller: Asgi) -> set[str]:
    answer = await caller.get("/v1/models")
    assert answer.status == 200
    return {each["id"] for each in json.loads(answer.body)["data"]} - {"well/m", "away/m", "well", "away"}


async def test_one_that_is_away_is_waited_for_once(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    caller, well, away = opened()
    monkeypatch.setattr(catalogue, "PATIENCE", 2.0)
    async with asyncio.timeout(30):
        assert await listed(caller) == {"well/gpt-1"}
    monkeypatch.setattr(catalogue, "PATIENCE", 600.0)
    async with asyncio.timeout(30):
        assert await listed(caller) == {"well/gpt-1"}
    assert (well.asked, away.asked) == (1, 1)
    away.lists.set()
    async with asyncio.timeout(30):
        while await listed(caller) != {"well/gpt-1", "away/gpt-1"}:
            await asyncio.sleep(0.01)
    assert (well.asked, away.asked) == (1, 1)


async def test_one_that_fails_is_asked_again_sooner(opened: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    caller, well, away = opened()
    away.status = 401
    away.lists.set()
    assert await listed(caller) == {"well/gpt-1"}
    assert away.asked == 1
    monkeypatch.setattr(catalogue, "FAILED", 0.0)
    caller, _, _ = opened()
    await listed(caller)
    away.status = 200
    async with asyncio.timeout(30):
        while await listed(caller) != {"well/gpt-1", "away/gpt-1"}:
            await asyncio.sleep(0.01)
    assert well.asked == 2


async def test_a_list_that_is_old_is_used_while_another_is_fetched(
    opened: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(catalogue, "FRESH", 0.0)
    monkeypatch.setattr(catalogue, "PATIENCE", 2.0)
    caller, well, away = opened()
    away.lists.set()
    both = {"well/gpt-1", "away/gpt-1"}
    assert await listed(caller) == both
    await asyncio.sleep(2.0)  # until callers wait for nothing any more
    away.lists.clear()
    async with asyncio.timeout(30):
        assert await listed(caller) == both
    async with asyncio.timeout(30):
        assert await listed(caller) == both
    async with asyncio.timeout(30):
        while away.asked < 2:
            await asyncio.sleep(0.01)
    assert well.asked >= 2
