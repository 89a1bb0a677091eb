"""A raw HTTP server in OpenAI's form whose every answer is a short script: bytes, pauses, and waiting for ever."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any

import understudy as u

Script = Callable[["Asked", asyncio.StreamWriter], Awaitable[None]]


class Asked:
    """A request as it arrived."""

    def __init__(self, line: str, body: bytes, head: str = "") -> None:
        self.method, self.path, _ = line.split(" ", 2)
        found = (each for each in head.split("\r\n") if each.lower().startswith("authorization:"))
        self.key = next(found, "").rpartition(" ")[2]
        self.body: dict[str, Any] = json.loads(body) if body else {}

    @property
    def streamed(self) -> bool:
        return bool(self.body.get("stream"))


class Server:
    """Answers every request by `script`, and remembers what it was asked."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.requests: list[Asked] = []
        self.hung_up = asyncio.Event()
        """Set when a client closes a connection whose answer is under way."""
        self.url = ""
        self._serving: set[asyncio.Task[None] | None] = set()

    def entry(self, **settings: Any) -> u.ProviderConfig:
        fields = {"provider": "openai", "name": "primary", "text_model": "gpt-5", "embedding_model": "one", **settings}
        return u.ProviderConfig(base_url=self.url, api_key=u.Secret("sk-test"), **fields)

    async def stop(self) -> None:
        tasks = [task for task in self._serving if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._serving.add(asyncio.current_task())
        answer: asyncio.Future[None] | None = None
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).decode():
                size = next((int(x[15:]) for x in head.lower().split("\r\n") if x.startswith("content-length:")), 0)
                asked = Asked(head.partition("\r\n")[0], await reader.readexactly(size), head)
                self.requests.append(asked)
                answer = asyncio.ensure_future(self.script(asked, writer))
                gone = asyncio.ensure_future(reader.read(1))
                await asyncio.wait((answer, gone), return_when=asyncio.FIRST_COMPLETED)
                if not answer.done():
                    self.hung_up.set()
                    answer.cancel()
                gone.cancel()
                with suppress(asyncio.CancelledError, ConnectionError):
                    await answer
                return  # one request per connection
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            if answer is not None:
                answer.cancel()
        finally:
            writer.close()


@asynccontextmanager
async def serving(*scripts: Script) -> AsyncIterator[tuple[Server, ...]]:
    servers = tuple(Server(script) for script in scripts)
    listening = [await asyncio.start_server(each.serve, "127.0.0.1", 0) for each in servers]
    for server, listener in zip(servers, listening, strict=True):
        server.url = f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}/v1"
    try:
        yield servers
    finally:
        for listener in listening:
            listener.close()
        for server in servers:
            await server.stop()


def manager(*servers: Server, entry: dict[str, Any] | None = None, **fallback: Any) -> u.ProviderManager:
    """A manager over servers: `primary`, `backup`, `third`; `entry` holds settings of all of them."""
    names = ("primary", "backup", "third")
    configs = [each.entry(name=name, **(entry or {})) for name, each in zip(names, servers, strict=False)]
    fallback = {"retry_delay_ms": 1, **fallback}
    return u.ProviderManager([u.create_provider(each) for each in configs], u.FallbackConfig(**fallback))


# ---- answers ----


def message(kind: str, body: bytes = b"", status: str = "200 OK") -> bytes:
    """A whole response that closes its connection."""
    head = f"HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\nconnection: close\r\n\r\n"
    return head.encode() + body


def chunk(text: str | None, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {} if text is None else {"content": text}, "finish_reason": finish}
    event = {"id": "c1", "created": 5, "model": "gpt-5", "service_tier": "default", "system_fingerprint": "fp_1"}
    return b"data: " + json.dumps({**event, "choices": [choice]}).encode() + b"\n\n"


USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n"
USAGE_CHUNK = b'data: {"id": "c1", "choices": [], "usage": ' + json.dumps(USAGE).encode() + b"}\n\n"
STREAM_END = USAGE_CHUNK + b"data: [DONE]\n\n"
STREAM = chunk("hel") + chunk("lo") + chunk(None, "stop") + STREAM_END
WHOLE = json.dumps(
    {
        "id": "c1",
        "created": 5,
        "model": "gpt-5",
        "service_tier": "default",
        "system_fingerprint": "fp_1",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
        "usage": USAGE,
    }
).encode()
VECTORS = json.dumps(
    {"object": "list", "model": "one", "data": [{"object": "embedding", "index": 0, "embedding": [1.0, 0.0]}]}
).encode()
MODELS = json.dumps({"object": "list", "data": [{"id": "gpt-5", "object": "model"}]}).encode()
MODEL = json.dumps({"id": "gpt-5", "object": "model"}).encode()


async def well(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Answer everything."""
    if asked.streamed:
        writer.write(STREAM_HEAD + STREAM)
    else:
        bodies = {"embeddings": VECTORS, "models": MODELS, "completions": WHOLE}
        writer.write(message("application/json", bodies.get(asked.path.rpartition("/")[2], MODEL)))
    await writer.drain()


async def silent(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Accept the request and never answer."""
    await asyncio.Event().wait()


async def headers_only(asked: Asked, writer: asyncio.StreamWriter) -> None:
    """Send a head, then keep the connection alive without content."""
    writer.write(STREAM_HEAD if asked.streamed else message("application/json", b" " * 100)[:-100])
    while True:
        if asked.streamed:
            writer.write(b": ping\n\n")
        await writer.drain()
        await asyncio.sleep(0.02)


def saying(*steps: bytes | float, then: Script | None = None) -> Script:
    """Send bytes; wait for a number of seconds; at the end close, or go on as `then`."""

    async def script(asked: Asked, writer: asyncio.StreamWriter) -> None:
        for step in steps:
            if isinstance(step, bytes):
                writer.write(step)
                await writer.drain()
            else:
                await asyncio.sleep(step)
        if then is not None:
            await then(asked, writer)

    return script


def refusing(
    message_text: str, *, status: int = 400, when: Callable[[Asked], bool], param: str | None = None
) -> Script:
    """Refuse some requests, answer the others."""

    async def script(asked: Asked, writer: asyncio.StreamWriter) -> None:
        if when(asked):
            error = {"error": {"message": message_text, "type": "invalid_request_error", "param": param, "code": None}}
            writer.write(message("application/json", json.dumps(error).encode(), f"{status} No"))
            await writer.drain()
        else:
            await well(asked, writer)

    return script


def kinds(attempts: Iterable[u.AttemptRecord]) -> list[tuple[str, str | None]]:
    return [(each.provider, str(each.failure.kind) if each.failure else None) for each in attempts]
