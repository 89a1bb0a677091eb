"""`understudy serve` in a process of its own, in front of an emulated provider."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from tests.cli.running import PATIENCE, CommandLine
from tests.gateway.serving.serving import Peer
from understudy.emulator import Emulator

ENTRY = """
[[llm.providers]]
provider = "openai"
name = "{name}"
base_url = "{url}"
api_key = "{key}"
text_model = "gpt-6-luna"
proxy = "none"
"""


@dataclass
class Served:
    """A running gateway."""

    cli: CommandLine
    process: subprocess.Popen[bytes]
    port: int
    greeting: str
    peers: list[Peer] = field(default_factory=list)

    @property
    def config(self) -> Path:
        return self.cli.folder / "understudy.toml"

    async def connect(self) -> Peer:
        peer = Peer(*await asyncio.open_connection("127.0.0.1", self.port))
        self.peers.append(peer)
        return peer

    async def get(self, path: str) -> tuple[int, bytes]:
        peer = await self.connect()
        peer.writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
        status, _, body = await peer.response()
        return status, body

    async def ended(self) -> int:
        """Wait until the process has ended, and return its exit code."""
        async with asyncio.timeout(PATIENCE):
            return await asyncio.to_thread(self.process.wait)

    def log(self) -> list[dict[str, Any]]:
        """Return what has been logged so far, without a line that is being written."""
        lines = (self.cli.folder / "stderr").read_bytes().rpartition(b"\n")[0].splitlines()
        return [msgspec.json.decode(line) for line in lines if line.startswith(b"{")]

    async def logged(self, part: str) -> str:
        """Wait for a message in the log."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for each in self.log():
                    if part in str(each.get("message")):
                        return str(each["message"])
                await asyncio.sleep(0.02)


def chat(*, stream: bool = False, model: str | None = None, keep: bool = True) -> bytes:
    """Return a request for a chat completion."""
    body = json.dumps(
        {"model": model or "gpt-6-luna", "stream": stream, "messages": [{"role": "user", "content": "Hello"}]}
    ).encode()
    head = "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    head += "" if keep else "Connection: close\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def configuration(emulator: Emulator, *names: str, more: str = "") -> str:
    """Return a configuration in which an emulated provider has some entries."""
    url = emulator.url("openai")
    return more + "".join(ENTRY.format(name=name, url=url, key=emulator.key) for name in names or ("first",))


@contextlib.asynccontextmanager
async def serve(
    folder: Path, text: str, *words: str, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Served]:
    """Serve on a port that the system chooses. A path for modules in `environment` is searched too."""
    cli = CommandLine(folder)
    given = dict(environment or {})
    given["PYTHONPATH"] = os.pathsep.join(filter(None, (given.get("PYTHONPATH"), cli.environment["PYTHONPATH"])))
    cli.environment |= given
    cli.configure(text)
    with (folder / "stderr").open("wb") as errors:
        process = cli.start("serve", "--port", "0", *words, stdout=subprocess.PIPE, stderr=errors.fileno())
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE):
            first = (await asyncio.to_thread(process.stdout.readline)).decode()
        assert first, (folder / "stderr").read_text()
        greeting = first + "".join([process.stdout.readline().decode() for _ in range(2)])
        served = Served(cli, process, int(first.partition(" ")[0].rpartition(":")[2]), greeting)
        try:
            yield served
        finally:
            for peer in served.peers:
                peer.writer.close()
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        process.stdout.close()


def children_of(process: subprocess.Popen[bytes]) -> list[int]:
    """Return the processes that a process has started."""
    found = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(each) for each in found.split()]


def is_running(pid: int) -> bool:
    """Check whether a process runs, other than as a zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
