"""Counts the instructions of a warm request by each built-in transport, over a loopback socket (needs valgrind).

`python -m benchmarks.transports` prints them. The server is a process of its own, so only the client's half counts:
the transport, the event loop and the system's library, without the kernel.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
CALLS = 200
NAMES = ("aiohttp", "httptools")
BODY = b'{"choices":[{"message":{"role":"assistant","content":"Because of scattering."},"finish_reason":"stop"}]}'
HEADERS = "".join(f"x-ratelimit-{number}: 10000\r\n" for number in range(10))
ANSWER = (
    f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{HEADERS}content-length: {len(BODY)}\r\n\r\n".encode() + BODY
)
PROMPT = b'{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Why is the sky blue?"}]}'
_TOTALS = re.compile(r"^(?:totals|summary): (\d+)", re.MULTILINE)


class Server(asyncio.Protocol):
    """Answers each request, whose head and body arrive together, with the same bytes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self.waiting = b""

    def data_received(self, data: bytes) -> None:
        self.waiting += data
        if self.waiting.endswith(PROMPT):
            self.waiting = b""
            self.transport.write(ANSWER)


async def serve() -> None:
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


async def call(name: str, port: str) -> None:
    from understudy.wire.http import HttpRequest

    transport = _transport(name)
    headers = (("content-type", "application/json"), ("authorization", "Bearer sk-count"))
    request = HttpRequest("POST", f"http://127.0.0.1:{port}/v1/chat/completions", headers, PROMPT)

    async def one() -> None:
        incoming = await transport.send(request, connect=5)
        while await incoming.read():
            pass
        incoming.release()

    for _ in range(CALLS):  # the first calls load and compile what the later ones find there
        await one()
    os.getppid()
    for _ in range(CALLS):
        await one()
    os.getppid()
    await transport.aclose()


def _transport(name: str) -> Any:
    if name == "aiohttp":
        from understudy.transport.aiohttp_transport import AioTransport

        return AioTransport()
    from understudy.transport.http1.transport import Http1Transport

    return Http1Transport()


def count(name: str, port: str) -> float:
    """Return instructions per call."""
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": str(ROOT / "src")}
    with tempfile.TemporaryDirectory() as folder:
        valgrind = ["valgrind", "--tool=callgrind", "--dump-before=getppid", f"--callgrind-out-file={folder}/out"]
        subprocess.run(
            [*valgrind, sys.executable, __file__, name, port], env=environment, capture_output=True, check=True
        )
        return int(_TOTALS.findall(Path(folder, "out.2").read_text())[-1]) / CALLS


def main() -> None:
    if sys.argv[1:] == ["serve"]:
        asyncio.run(serve())
        return
    if len(sys.argv) == 3:
        asyncio.run(call(*sys.argv[1:]))
        return
    if shutil.which("valgrind") is None:
        raise SystemExit("valgrind is not installed: it counts the instructions")
    server = subprocess.Popen(
        [sys.executable, __file__, "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    port = server.stdout.readline().strip()
    try:
        counts = {name: count(name, port) for name in NAMES}
    finally:
        server.communicate()
    for name, each in counts.items():
        print(f"{name:12} {each:10,.0f} instructions a request   {each / counts['aiohttp']:5.2f}")


if __name__ == "__main__":
    main()
