"""Requests that the server or the gateway refuses before any route is found are in the access log all the same."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.gateway.conftest import entries
from tests.gateway.serving.serving import HOST, serving
from tests.gateway.serving.test_slow_callers import TICK
from tests.gateway.serving.test_strict_http import GET, POST
from understudy.emulator import Emulator
from understudy.gateway.access_log import AccessRecord
from understudy.gateway.application import app
from understudy.gateway.serving import server
from understudy.gateway.serving.limits import Limits

LOCAL = b"Host: 127.0.0.1\r\n"
CHAT = b"POST /v1/chat/completions HTTP/1.1\r\n" + LOCAL
LIMITS = Limits(head_time=0.1, body_window=0.1, head=1000, framing=100)


async def records_of(data: bytes, wanted: int = 1) -> list[AccessRecord]:
    """Send bytes to a gateway, and return what its access log states."""
    records: list[AccessRecord] = []
    async with Emulator(("openai",)) as emulator:
        gateway = app({"llm": {"gateway": {"body_limit_mb": 1}, "providers": entries(emulator, ("openai",))}})
        gateway.access_log = records.append
        async with serving(gateway, limits=LIMITS) as running:
            peer = await running.connect()
            peer.writer.write(data)
            await until(lambda: len(records) >= wanted)
    return records


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


REFUSED = {
    "not HTTP": (b"\x16\x03\x01 hello\r\n\r\n", "", 400),
    "two lengths": (POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc", "POST", 400),
    "no Host": (GET + b"\r\n", "GET", 400),
    "another version": (b"POST /v1/messages HTTP/1.0\r\n" + LOCAL + b"\r\n", "POST", 505),
    "a large header": (GET + HOST + b"X: " + b"a" * 2000 + b"\r\n\r\n", "GET", 431),
    "a header without end": (GET + HOST, "GET", 408),
    "a foreign host": (GET + b"Host: evil.example\r\n\r\n", "GET", 403),
}


@pytest.mark.parametrize("why", REFUSED)
async def test_a_request_without_a_route_is_recorded(why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "TICK", TICK)
    data, method, status = REFUSED[why]
    (record,) = await records_of(data)
    assert (record.method, record.route, record.status, record.outcome) == (method, None, status, "refused")
    assert record.id
    assert 0 <= record.ms < 60_000


BROKEN_BODIES = {
    "too slow": (CHAT + b"Content-Length: 1000\r\n\r\n{", 408),
    "not chunks": (CHAT + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    "too large": (CHAT + b"Content-Length: 2000000\r\n\r\n{", 413),
}


@pytest.mark.parametrize("why", BROKEN_BODIES)
async def test_a_request_is_recorded_once_if_its_body_is_refused(why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "TICK", TICK)
    data, status = BROKEN_BODIES[why]
    (record,) = await records_of(data)
    assert (record.method, record.route) == ("POST", "/v1/chat/completions")
    assert (record.status, record.outcome) == (status, "refused")


async def test_what_follows_a_request_that_is_being_answered_is_not_another_record() -> None:
    data = b"GET /health/live HTTP/1.1\r\n" + LOCAL + b"\r\n"
    (record,) = await records_of(data + b"\x00")
    assert (record.status, record.outcome) == (200, "answered")
