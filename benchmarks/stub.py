"""A loopback HTTP server that costs as little as Python can: it answers canned bytes, so that the client is measured.

Run as `python -m benchmarks.stub [CERTIFICATE]`; it prints its port and serves until its standard input closes. With
the path of a certificate, which holds its key too, it speaks TLS. `benchmarks.answers` has what it answers.
"""

from __future__ import annotations

import asyncio
import ssl
import sys
from collections.abc import Sequence

from benchmarks.answers import ANSWER, STREAM_HEAD, Wanted, pieces, wanted_by, whole, whole_of_responses

_RESPONSES = b"post /v1/responses "


class Stub(asyncio.Protocol):
    """One connection."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.buffer = bytearray()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            body = self.buffer[end + 4 : end + 4 + length]
            del self.buffer[: end + 4 + length]
            self.answer(head, body)

    def answer(self, head: bytearray, body: bytearray) -> None:
        """Answer one request."""
        wanted = wanted_by(body)
        if head.startswith(_RESPONSES):
            self.transport.write(whole_of_responses(wanted.size if wanted else len(ANSWER)))
            return
        if b'"stream":true' not in body and b'"stream": true' not in body:
            self.transport.write(whole(wanted.size if wanted else None))
            return
        asked = wanted or Wanted()
        sent = pieces(asked.kind, asked.size)
        if wanted and not wanted.pause_ms:
            self.transport.write(b"".join((STREAM_HEAD, *sent)))
        else:
            self.transport.write(STREAM_HEAD)
            self.send(sent, 0, asked.pause_ms / 1000)

    def send(self, sent: Sequence[bytes], position: int, pause: float) -> None:
        """Write one piece after another, as a provider's tokens arrive one by one."""
        self.transport.write(sent[position])
        if position + 1 == len(sent):
            return
        loop = asyncio.get_running_loop()
        if pause:
            loop.call_later(pause, self.send, sent, position + 1, pause)
        else:
            loop.call_soon(self.send, sent, position + 1, pause)


async def main(certificate: str | None) -> None:
    loop = asyncio.get_running_loop()
    context = None
    if certificate:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate)
    server = await loop.create_server(Stub, "127.0.0.1", 0, ssl=context)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else None))
