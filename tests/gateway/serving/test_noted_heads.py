"""What was found of a head holds for the next request with the same one, as long as the configuration does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.gateway.serving.test_known_heads import Whole
from understudy.config import read_given
from understudy.gateway import Gateway, app
from understudy.gateway.routes import Router
from understudy.gateway.serving.limits import Limits
from understudy.gateway.serving.line import Shared
from understudy.gateway.serving.protocol import HttpProtocol

OLD, NEW = "old-key-0123456789abcdef0123456789abcdef", "new-key-0123456789abcdef0123456789abcdef"


def configured(key: str, *hosts: str) -> Any:
    gateway = {"keys": [{"name": "caller", "key": key}], **({"hosts": list(hosts)} if hosts else {})}
    entry = {"provider": "openai", "name": "main", "api_key": "sk-test", "text_model": "gpt-4o-mini"}
    return read_given({"llm": {"gateway": gateway, "providers": [entry]}})


async def statuses(gateway: Gateway, *bodies: bytes, reloaded: Any = None, host: str = "127.0.0.1") -> list[int]:
    """Send requests with one head on one connection, and return how each is answered; `reloaded` holds from the second
    one on. None of the bodies is a valid request, so no provider is asked."""
    protocol, pipe = HttpProtocol(Shared(gateway, Limits())), Whole()
    protocol.connection_made(pipe)
    found: list[int] = []
    for number, body in enumerate(bodies):
        if number == 1 and reloaded is not None:
            await gateway.reload(reloaded)
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {OLD}\r\n"
        pipe.written.clear()
        protocol.data_received(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        async with asyncio.timeout(30):
            while not pipe.written:
                await asyncio.sleep(0)
        found.append(int(pipe.written[0].split()[1]))
    await gateway.aclose()
    return found


async def test_a_head_is_looked_up_once(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[str] = []
    find = Router.find

    def counted(router: Router, method: str, path: str) -> Any:
        found.append(path)
        return find(router, method, path)

    monkeypatch.setattr(Router, "find", counted)
    assert await statuses(app(configured(OLD)), b"[]", b"[1]", b"[1, 2]") == [400, 400, 400]
    assert found == ["/v1/chat/completions"]


async def test_a_key_that_a_reload_removed_is_refused_on_an_open_connection() -> None:
    assert await statuses(app(configured(OLD)), b"[]", b"[]", b"[]", reloaded=configured(NEW)) == [400, 401, 401]


async def test_a_key_that_a_reload_added_is_accepted_on_an_open_connection() -> None:
    assert await statuses(app(configured(NEW)), b"[]", b"[]", b"[]", reloaded=configured(OLD)) == [401, 400, 400]


async def test_a_host_that_a_reload_removed_is_refused_on_an_open_connection() -> None:
    gateway = app(configured(OLD, "llm.example.com"))
    found = await statuses(gateway, b"[]", b"[]", reloaded=configured(OLD), host="llm.example.com")
    assert found == [400, 403]
