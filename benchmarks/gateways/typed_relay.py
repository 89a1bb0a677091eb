"""The barest typed relay on uvicorn and aiohttp: what any gateway of this make costs at least.

It reads model and stream from the body into a struct, and forwards body and answer, chunk by chunk. It has no keys, no
errors of its own, no fallback and no records. `python -m benchmarks.gateways.typed_relay PORT UPSTREAM [AUTHORITY]`
serves until it is terminated. With the path of an authority's certificate it speaks TLS with the upstream, and checks
the certificate of the upstream.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from typing import Any

import aiohttp
import msgspec
import uvicorn

HEADERS = {"authorization": "Bearer upstream-key", "content-type": "application/json"}


class Routing(msgspec.Struct):
    """What a relay must know of a request."""

    model: str
    stream: bool = False


class Relay:
    """The application."""

    def __init__(self, upstream: int, authority: str | None) -> None:
        self._url = f"{'https' if authority else 'http'}://127.0.0.1:{upstream}/v1/chat/completions"
        self._tls = ssl.create_default_context(cafile=authority) if authority else True
        self._decoder = msgspec.json.Decoder(Routing)
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        pieces, more = [], True
        while more:
            message = await receive()
            pieces.append(message["body"])
            more = message.get("more_body", False)
        body = b"".join(pieces)
        routing = self._decoder.decode(body)
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=512, ssl=self._tls))
        async with self._session.post(self._url, data=body, headers=HEADERS) as answer:
            kind = [(b"content-type", answer.headers["content-type"].encode())]
            await send({"type": "http.response.start", "status": answer.status, "headers": kind})
            if routing.stream:
                async for chunk in answer.content.iter_any():
                    await send({"type": "http.response.body", "body": chunk, "more_body": True})
                await send({"type": "http.response.body"})
            else:
                await send({"type": "http.response.body", "body": await answer.read()})


async def main(port: int, upstream: int, authority: str | None = None) -> None:
    config = uvicorn.Config(
        Relay(upstream, authority), port=port, lifespan="off", ws="none", log_level="critical", access_log=False
    )
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:]))
