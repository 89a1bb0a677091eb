"""A provider that speaks OpenAI's wire format over a raw socket, with or without TLS, and keeps what it was sent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator

import understudy as u

KEY = "sk-origin-0123456789"
ANSWER = "The capital is Rome."
_USAGE = {"prompt_tokens": 5, "completion_tokens": 4, "total_tokens": 9}


class Origin:
    """What arrived, each request's head and body."""

    def __init__(self) -> None:
        self.port = 0
        self.heads: list[str] = []
        self.connections = 0
        self.tasks: set[asyncio.Task[None]] = set()

    def config(self, scheme: str, host: str = "provider.test", **more: object) -> u.ProviderConfig:
        fields: dict[str, object] = {
            "provider": "openai",
            "base_url": f"{scheme}://{host}:{self.port}/v1",
            "api_key": u.Secret(KEY),
            "text_model": "gpt-4o-mini",
            "embedding_model": "text-embedding-3-small",
            "connect_timeout": 5.0,
        }
        return u.ProviderConfig(**(fields | more))  # type: ignore[arg-type]

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self.serve(reader, writer))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError, asyncio.IncompleteReadError):
            stack.callback(writer.transport.abort)
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                self.heads.append(head)
                length = next(
                    (line[15:] for line in head.lower().splitlines() if line.startswith("content-length:")), 0
                )
                body = await reader.readexactly(int(length))
                writer.write(_reply(head, body))
                await writer.drain()


def _reply(head: str, body: bytes) -> bytes:
    path = head.split(" ", 2)[1]
    model = {"id": "gpt-4o-mini", "object": "model", "created": 1}
    if path.endswith("/models"):
        return _json({"object": "list", "data": [model]})
    if path.endswith("/models/gpt-4o-mini"):
        return _json(model)
    if path.endswith("/embeddings"):
        vectors = [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}]
        return _json({"object": "list", "model": "text-embedding-3-small", "data": vectors, "usage": _USAGE})
    asked = json.loads(body)
    common: dict[str, object] = {"id": "x", "created": 1, "model": "gpt-4o-mini"}
    if not asked.get("stream"):
        message = {"role": "assistant", "content": ANSWER}
        choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
        return _json({**common, "object": "chat.completion", "choices": choices, "usage": _USAGE})
    deltas: list[dict[str, object]] = [{"delta": {"content": ANSWER}}, {"delta": {}, "finish_reason": "stop"}]
    events = [{**common, "object": "chat.completion.chunk", "choices": [{**delta, "index": 0}]} for delta in deltas]
    events.append({**common, "object": "chat.completion.chunk", "choices": [], "usage": _USAGE})
    text = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
    return _http(text.encode(), "text/event-stream")


def _json(value: object) -> bytes:
    return _http(json.dumps(value).encode(), "application/json")


def _http(body: bytes, content_type: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\ncontent-type: {content_type}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


@contextlib.asynccontextmanager
async def serving(tls: ssl.SSLContext | None = None) -> AsyncIterator[Origin]:
    origin = Origin()
    server = await asyncio.start_server(origin.accept, "127.0.0.1", ssl=tls)
    origin.port = server.sockets[0].getsockname()[1]
    try:
        yield origin
    finally:
        server.close()
        for task in origin.tasks:
            task.cancel()
        await asyncio.gather(*origin.tasks, return_exceptions=True)
        await asyncio.sleep(0.01)  # what was aborted is closed in the next turns of the loop
