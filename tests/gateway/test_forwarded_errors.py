"""Errors of a provider whose wire format the caller speaks: its own words reach the caller as they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.gateway.asgi import Answer, Asgi
from understudy.gateway.application import app

KEY = "sk-canary-0123456789abcdef"
HI = [{"role": "user", "content": "hi"}]
BODIES: dict[str, tuple[str, dict[str, object]]] = {
    "anthropic": ("/v1/messages", {"model": "main", "max_tokens": 9, "messages": HI}),
    "openai": ("/v1/chat/completions", {"model": "main", "messages": HI}),
}
ODD = b'{ "type":"error", "error" : {"type":"%s","message":"%s","zz":1.0, "zz":[]},\n "request_id":"req_1" }\n'


@asynccontextmanager
async def provider(status: int, body: bytes, headers: str = "") -> AsyncIterator[str]:
    """Serve one error."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(head.partition(b"content-length:")[2].partition(b"\r\n")[0]))
        writer.write(
            f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
            f"connection: close\r\nset-cookie: a=1\r\n{headers}\r\n".encode()
            + body
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def asked(face: str, url: str, of: str = "anthropic", **headers: str) -> Answer:
    entry = {"name": "main", "provider": of, "base_url": url, "api_key": KEY, "text_model": "m"}
    gateway = app({"llm": {"providers": [entry], "fallback": {"max_retries": 1, "max_wait": 0}}})
    path, body = BODIES[face]
    try:
        return await Asgi(gateway).post(path, body, headers)
    finally:
        await gateway.aclose()


@pytest.mark.parametrize(
    ("status", "kind", "message", "retry"),
    [
        (400, b"invalid_request_error", b"thinking: Input tag 'adaptive' found", "false"),
        (413, b"request_too_large", b"too long", "false"),
        (404, b"not_found_error", b"model: m", "false"),
        (429, b"rate_limit_error", b"slow down", "true"),
        (529, b"overloaded_error", b"Overloaded", "true"),
    ],
)
async def test_an_error_keeps_its_status_and_its_bytes(status: int, kind: bytes, message: bytes, retry: str) -> None:
    body = ODD % (kind, message)
    more = "request-id: req_1\r\nanthropic-ratelimit-tokens-limit: 9\r\nretry-after: 7200\r\n"
    async with provider(status, body, more) as url:
        answer = await asked("anthropic", url)
    assert (answer.status, answer.body) == (status, body)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["request-id"] == "req_1"
    assert answer.headers["anthropic-ratelimit-tokens-limit"] == "9"
    assert answer.headers["x-should-retry"] == retry
    assert answer.headers.get("retry-after") == ("60" if retry == "true" else None)
    assert "set-cookie" not in answer.headers


async def test_the_same_words_with_a_status_after_which_the_client_goes_on() -> None:
    body = b'{ "error": {"message":"Rate limit reached", "type":"tokens", "code":"rate_limit_exceeded" , "zz":1}}'
    async with provider(429, body) as url:
        answer = await asked("openai", f"{url}/v1", "openai", originator="codex_exec")
    assert (answer.status, answer.body) == (503, body)
    assert answer.headers["retry-after"] == "5"


async def test_a_refused_key_of_the_gateway_is_not_told_as_the_callers() -> None:
    body = ODD % (b"authentication_error", f"invalid x-api-key {KEY}".encode())
    async with provider(401, body) as url:
        answer = await asked("anthropic", url)
    assert answer.status == 502
    assert "a provider refused the key of the gateway" in answer.text
    assert KEY not in answer.text


async def test_another_wire_format_is_translated() -> None:
    async with provider(429, ODD % (b"rate_limit_error", b"slow down")) as url:
        answer = await asked("openai", url)
    assert (answer.status, answer.json["error"]["message"]) == (429, "slow down")
    assert "zz" not in answer.text
