"""The gateway answers the same in the server of `understudy serve` and, over ASGI, in any other."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
import uvicorn

from tests.gateway.conftest import entries
from tests.gateway.serving.running_gateway import chat
from tests.gateway.serving.serving import Peer, serving
from understudy.emulator import Emulator, Fault
from understudy.gateway.access_log import AccessRecord
from understudy.gateway.application import Gateway, app

KEY = "a-key-of-some-length-0123456789"
HEAD = f"Host: localhost\r\nAuthorization: Bearer {KEY}\r\n"


def post(path: str, body: object, more: str = "") -> bytes:
    data = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return f"POST {path} HTTP/1.1\r\n{HEAD}{more}Content-Length: {len(data)}\r\n\r\n".encode() + data


def get(path: str, method: str = "GET", more: str = "") -> bytes:
    return f"{method} {path} HTTP/1.1\r\n{HEAD}{more}\r\n".encode()


_HI = [{"role": "user", "content": "hi"}]
_ASKED = {"model": "openai", "messages": _HI, "max_tokens": 20}
_CHUNKED = b"4\r\n%b\r\n%x\r\n%b\r\n0\r\n\r\n"


def chunked(body: object) -> bytes:
    data = msgspec.json.encode(body)
    head = f"POST /v1/chat/completions HTTP/1.1\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\n".encode()
    return head + _CHUNKED % (data[:4], len(data) - 4, data[4:])


REQUESTS = {
    "an answer": post("/v1/chat/completions", _ASKED),
    "a stream": post("/v1/chat/completions", {**_ASKED, "stream": True}),
    "another format": post("/v1/messages", _ASKED),
    "a stream of another format": post("/v1/messages", {**_ASKED, "stream": True}),
    "a body in chunks": chunked(_ASKED),
    "vectors": post("/v1/embeddings", {"model": "openai/text-embedding-3-small", "input": "hi"}),
    "a body that is awaited": post("/v1/chat/completions", _ASKED, "Expect: 100-continue\r\n"),
    "an id of the caller": post("/v1/chat/completions", _ASKED, "X-Request-Id: mine\r\n"),
    "a repeated header": post("/v1/chat/completions", _ASKED, "X-Custom: a\r\nX-Custom: b\r\n"),
    "not JSON": post("/v1/chat/completions", b"{"),
    "an unknown model": post("/v1/chat/completions", {**_ASKED, "model": "nobody"}),
    "no key": post("/v1/chat/completions", _ASKED).replace(KEY.encode(), b"unknown"),
    "the models": get("/v1/models"),
    "one model": get("/v1/models/openai"),
    "a path in escapes": get("/v1/models/open%61i?x=%20"),
    "health": get("/health/live"),
    "HEAD": get("/health/live", "HEAD"),
    "an unknown path": get("/nothing"),
    "another method": get("/v1/models", "DELETE"),
    "a strange Host": get("/health/live").replace(b"Host: localhost", b"Host: evil.example"),
    "what passes": get("/passthrough/openai/models"),
    "HEAD of what passes": get("/passthrough/openai/models", "HEAD"),
    "what does not pass": get("/passthrough/openai/files"),
}
"""All with bodies of which the last byte shows the end, or a method without one."""

CHANGING = re.compile(rb'"id":\s*"[^"]*"|"created":\s*[0-9]+|msg_\w+|chatcmpl-\w+')


class Seen(msgspec.Struct, frozen=True):
    """An answer without what differs each time."""

    status: int
    headers: dict[str, str]
    body: bytes


def seen(data: bytes, method: str) -> Seen:
    data = data.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    head, _, body = data.partition(b"\r\n\r\n")
    status, *lines = head.split(b"\r\n")
    headers = {name.lower(): value for name, _, value in (line.decode().partition(": ") for line in lines)}
    if headers.pop("transfer-encoding", None) == "chunked" and method != "HEAD":
        body, rest = b"", body
        while rest:
            size, _, rest = rest.partition(b"\r\n")
            body, rest = body + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
    assert headers.pop("connection") == "close"
    assert headers.pop("date").endswith(" GMT")
    for name in ("x-request-id", "request-id", "x-understudy-request-id"):
        if headers.get(name, "mine") != "mine":
            headers[name] = "some id"
    return Seen(int(status.split()[1]), headers, CHANGING.sub(b"", body))


async def ask(port: int, request: bytes) -> bytes:
    """Send a request that closes, and return all that comes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
    try:
        return await Peer(reader, writer).rest()
    finally:
        writer.close()


@asynccontextmanager
async def another_server(gateway: Gateway) -> AsyncIterator[int]:
    """Run uvicorn, and yield its port."""
    config = uvicorn.Config(gateway, lifespan="on", ws="none", server_header=False, log_config=None, access_log=False)
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        running = asyncio.create_task(server._serve([listener]))  # pyright: ignore[reportPrivateUsage]  # no signals
        while not server.started:
            await asyncio.sleep(0.001)
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            await running


@asynccontextmanager
async def own_server(gateway: Gateway) -> AsyncIterator[int]:
    """Run the server of `understudy serve`, and yield its port."""
    async with serving(gateway) as running:
        yield running.port


def made(emulator: Emulator, records: list[AccessRecord]) -> Gateway:
    gateway: dict[str, Any] = {"keys": [{"name": "all", "key": KEY}], "passthrough": ["openai/models"]}
    made = app({"llm": {"providers": entries(emulator, ("openai",)), "gateway": gateway}})
    made.access_log = records.append
    return made


async def test_both_servers_answer_the_same() -> None:
    found: list[dict[str, Seen]] = []
    logged: list[list[tuple[str | None, int, str]]] = []
    for server in (own_server, another_server):
        records: list[AccessRecord] = []
        async with Emulator(("openai",)) as emulator, server(made(emulator, records)) as port:
            answers = {name: await ask(port, request) for name, request in REQUESTS.items()}
        found.append({name: seen(answers[name], request.split()[0].decode()) for name, request in REQUESTS.items()})
        logged.append([(each.route, each.status, each.outcome) for each in records])
    for name in REQUESTS:
        assert found[0][name] == found[1][name], name
    assert logged[0] == logged[1]
    assert {each.status for each in found[0].values()} == {200, 400, 401, 403, 404, 405}


@pytest.mark.parametrize("server", [own_server, another_server])
@pytest.mark.parametrize("stream", [False, True])
async def test_both_servers_end_a_request_whose_caller_leaves(server: Any, stream: bool) -> None:
    records: list[AccessRecord] = []
    async with Emulator(("openai",)) as emulator:
        emulator.script("openai", always=Fault.stall(after=2) if stream else Fault.slow_headers())
        gateway = app({"llm": {"providers": entries(emulator, ("openai",))}})
        gateway.access_log = records.append
        async with server(gateway) as port, asyncio.timeout(20):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(chat(stream=stream, model="openai"))
            if stream:
                await reader.readuntil(b"\n\n")
            while not emulator.requests("openai"):
                await asyncio.sleep(0.01)
            writer.close()
            while not records or emulator.cancelled("openai") != 1:
                await asyncio.sleep(0.01)
    assert [each.outcome for each in records] == ["client_left"]
