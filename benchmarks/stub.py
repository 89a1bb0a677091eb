"""A loopback HTTP server that costs as little as Python can: it answers canned bytes, so that the client is measured.

Run as `python -m benchmarks.stub [PACE]`; it prints its port and serves until its standard input closes. PACE is the
pause between two chunks of a stream in seconds; without it one is sent in each turn of the loop. `max_tokens` of the
request is the number of chunks.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from functools import cache

CHUNKS = 200
MODEL = "gpt-4o-mini"
ANSWER = "The sky is blue because of Rayleigh scattering."

_MESSAGE = {"role": "assistant", "content": ANSWER, "refusal": None}
_USAGE = {"prompt_tokens": 12, "completion_tokens": 9, "total_tokens": 21}
_HEAD = {"id": "chatcmpl-1", "created": 1_700_000_000, "model": MODEL}
_WHOLE = json.dumps(
    {
        **_HEAD,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": _MESSAGE, "finish_reason": "stop", "logprobs": None}],
        "usage": _USAGE,
    }
).encode()


def _chunk(delta: dict[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return b"data: " + json.dumps({**_HEAD, "object": "chat.completion.chunk", "choices": [choice]}).encode() + b"\n\n"


def _framed(piece: bytes) -> bytes:
    return f"{len(piece):x}\r\n".encode() + piece + b"\r\n"


_PLAIN = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: " + str(len(_WHOLE)).encode() + b"\r\n\r\n"
) + _WHOLE
_STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
_FIRST = _framed(_chunk({"role": "assistant", "content": ""}))
_LAST = [
    _framed(_chunk({}, "stop")),
    _framed(b"data: " + json.dumps({**_HEAD, "choices": [], "usage": _USAGE}).encode() + b"\n\n"),
    _framed(b"data: [DONE]\n\n"),
    b"0\r\n\r\n",
]
_MOST = re.compile(rb'"max_tokens": ?([0-9]+)')


def _wanted(body: bytes) -> int:
    most = _MOST.search(body)
    return int(most[1]) if most else CHUNKS


@cache
def _pieces(count: int) -> list[bytes]:
    """Return the pieces of a streamed answer."""
    return [_FIRST, *[_framed(_chunk({"content": f" word{i}"})) for i in range(count)], *_LAST]


class Stub(asyncio.Protocol):
    """One connection."""

    def __init__(self, pace: float = 0.0) -> None:
        self.pace = pace

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            body = self.buffer[end + 4 : end + 4 + length]
            self.buffer = self.buffer[end + 4 + length :]
            if b'"stream":true' in body or b'"stream": true' in body:
                self.transport.write(_STREAM_HEAD)  # type: ignore[attr-defined]
                self.send(_pieces(_wanted(body)), 0)
            else:
                self.transport.write(_PLAIN)  # type: ignore[attr-defined]

    def send(self, pieces: list[bytes], position: int) -> None:
        """Write one piece after another, as a provider's tokens arrive one by one."""
        self.transport.write(pieces[position])  # type: ignore[attr-defined]
        if position + 1 == len(pieces):
            return
        loop = asyncio.get_running_loop()
        if self.pace:
            loop.call_later(self.pace, self.send, pieces, position + 1)
        else:
            loop.call_soon(self.send, pieces, position + 1)


async def main(pace: float) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Stub(pace), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 0.0))
