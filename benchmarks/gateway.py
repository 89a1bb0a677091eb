"""The gateway beside the barest typed relay: CPU a request and a streamed chunk, memory, and the time to start.

`python -m benchmarks gateway` prints it. Both servers have one process and the same upstream, in the wire format of the
caller. What counts is the CPU time of the server's process, as Linux reports it, at 32 concurrent requests; rounds
alternate between the servers; the smallest figure of each counts. The gateway has a key, an access log and a ledger.
A chunk is the difference between long and short streams, whose chunks come one by one, as tokens do.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.load import load, request_of
from benchmarks.stub import MODEL

CONCURRENCY = 32
PACE = 0.02
"""Seconds between two chunks of a stream: more than both servers need for a chunk of each of the streams."""
STREAMS = (20, 220)
"""Chunks of a short stream, and of a long one."""
KEY = "bench-key-0123456789abcdef0123456789abcdef"
PATH = "/v1/chat/completions"
CONFIG = """
[llm.gateway]
port = 0
secret = "bench-secret-0123456789abcdef0123456789abcdef"

[[llm.gateway.keys]]
name = "bench"
key = "{key}"

[[llm.providers]]
name = "primary"
provider = "openai"
base_url = "http://127.0.0.1:{upstream}/v1"
api_key = "upstream-key"
text_model = "{model}"

[[llm.providers]]
name = "backup"
provider = "openai"
base_url = "http://127.0.0.1:{upstream}/v1"
api_key = "upstream-key"
text_model = "{model}"
priority = 20
"""


class Server(NamedTuple):
    """One of the servers that are compared."""

    process: subprocess.Popen[str]
    port: int
    headers: Mapping[str, str]

    def cpu(self) -> float:
        """Return the CPU seconds of the process so far, all threads together."""
        tasks = Path(f"/proc/{self.process.pid}/task")
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks.iterdir()) / 1e9

    def megabytes(self) -> float:
        """Return the resident memory."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def ask(self, body: bytes, *, count: int, concurrency: int = CONCURRENCY) -> None:
        """Send a request `count` times on each connection."""
        request = request_of(self.port, PATH, body, self.headers)
        asyncio.run(load(self.port, request, count=count, concurrency=concurrency))


class Start(NamedTuple):
    """From the start of the gateway to its first answer."""

    seconds: float
    cpu_seconds: float
    megabytes: float
    """Resident memory before the first request."""


def bodies() -> dict[str, tuple[bytes, int]]:
    """Return requests by their size, each with how often a connection sends it in a round."""
    return {"1 KB": (body_of(1_000), 60), "40 KB": (body_of(40_000), 30), "1 MB": (body_of(1_000_000), 2)}


def body_of(size: int, **more: Any) -> bytes:
    """Return the request of an agent in a tool loop; a large one has tools, as theirs have."""
    messages: list[Any] = [{"role": "system", "content": "You are a coding agent."}]
    tools = [_tool(number) for number in range(20)] if size >= 20_000 else []
    request = {"model": MODEL, "messages": messages, **({"tools": tools} if tools else {}), **more}
    question = {"role": "user", "content": "Why does the test fail? "}
    messages.append(question)
    number = 0
    while (left := size - len(json.dumps(request))) > 2_500:
        messages += _step(number, "def test_sky():\n    assert colour() == 'blue'  # \\ \"why\"\n" * 30)
        number += 1
    question["content"] += "x" * max(0, left)
    return json.dumps(request).encode()


def _step(number: int, output: str) -> list[Any]:
    """Return one step of a tool loop."""
    call = {"name": f"read_file_{number % 20}", "arguments": json.dumps({"path": f"tests/test_{number}.py"})}
    calls = [{"id": f"call_{number}", "type": "function", "function": call}]
    answer = {"role": "assistant", "content": None, "tool_calls": calls}
    return [answer, {"role": "tool", "tool_call_id": f"call_{number}", "content": output}]


def _tool(number: int) -> Any:
    fields = {f"field_{n}": {"type": "string", "description": "What this field is for. " * 6} for n in range(6)}
    schema = {"type": "object", "properties": fields, "required": list(fields), "additionalProperties": False}
    function = {"name": f"read_file_{number}", "description": "Read a file. " * 20, "parameters": schema}
    return {"type": "function", "function": function}


@contextlib.contextmanager
def upstream(*arguments: str) -> Iterator[int]:
    """Run the stub, and yield its port."""
    command = [sys.executable, "-m", "benchmarks.stub", *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as stub:
        assert stub.stdout is not None
        yield int(stub.stdout.readline())
        stub.communicate("")


@contextlib.contextmanager
def relay(port: int, folder: Path) -> Iterator[Server]:
    """Run the relay."""
    with _running([sys.executable, "-m", "benchmarks.relay", str(port)], folder) as process:
        assert process.stdout is not None
        yield Server(process, int(process.stdout.readline()), {})


@contextlib.contextmanager
def gateway(port: int, folder: Path) -> Iterator[Server]:
    """Run the gateway, with one worker."""
    path = folder / "understudy.toml"
    path.write_text(CONFIG.format(key=KEY, upstream=port, model=MODEL))
    log = folder / "access.log"
    command = [sys.executable, "-m", "understudy", "serve", "--config", str(path), "--access-log", str(log)]
    with _running(command, folder) as process:
        assert process.stdout is not None
        own = int(process.stdout.readline().split()[0].rpartition(":")[2])
        yield Server(process, own, {"authorization": f"Bearer {KEY}"})


@contextlib.contextmanager
def _running(command: list[str], folder: Path) -> Iterator[subprocess.Popen[str]]:
    # Installed packages are byte-compiled; a checkout that may not write its caches would measure the compiler.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")
    environment["XDG_DATA_HOME"] = str(folder / "data")  # the ledger of this run, which is not the user's
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            yield process
        finally:
            process.terminate()


def start(port: int, folder: Path) -> Start:
    """Return what it takes to start the gateway and get one answer, once its modules are compiled."""
    began = time.monotonic()
    with gateway(port, folder) as server:
        at_rest = server.megabytes()
        server.ask(body_of(1_000), count=1, concurrency=1)
        return Start(time.monotonic() - began, server.cpu(), at_rest)


def cpu_of(server: Server, body: bytes, count: int) -> float:
    """Return the CPU microseconds of a server for each request."""
    before = server.cpu()
    server.ask(body, count=count)
    return (server.cpu() - before) / (count * CONCURRENCY) * 1e6


def requests(folder: Path, rounds: int) -> dict[str, dict[str, float]]:
    """Return CPU microseconds a request, by its size, of each server."""
    best: dict[str, dict[str, float]] = {size: {} for size in bodies()}
    with upstream() as port, relay(port, folder) as bare, gateway(port, folder) as own:
        servers = {"relay": bare, "gateway": own}
        for size, (body, count) in bodies().items():
            for server in servers.values():
                server.ask(body, count=1)
            for _ in range(rounds):
                for name, server in servers.items():
                    took = cpu_of(server, body, count)
                    best[size][name] = min(best[size].get(name, took), took)
    return best


def chunks(folder: Path, rounds: int) -> dict[str, float]:
    """Return CPU microseconds a streamed chunk of each server."""
    best: dict[tuple[str, int], float] = {}
    with upstream(str(PACE)) as port, relay(port, folder) as bare, gateway(port, folder) as own:
        for name, server in 2 * tuple({"relay": bare, "gateway": own}.items()) * rounds:
            for count in STREAMS:
                took = cpu_of(server, body_of(1_000, stream=True, max_tokens=count), 1)
                best[name, count] = min(best.get((name, count), took), took)
    short, long = STREAMS
    return {name: (best[name, long] - best[name, short]) / (long - short) for name in ("relay", "gateway")}


def table(rounds: int) -> str:
    """Return all figures as text."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with upstream() as port:
            started = min((start(port, folder) for _ in range(rounds + 1)), key=lambda each: each.cpu_seconds)
        figures = {**requests(folder, rounds), "a streamed chunk": chunks(folder, rounds)}
    lines = [f"{'CPU µs, 32 concurrent':<28}{'relay':>9}{'gateway':>9}{'ratio':>8}"]
    for what, took in figures.items():
        lines.append(f"{what:<28}{took['relay']:>9.1f}{took['gateway']:>9.1f}{took['gateway'] / took['relay']:>8.2f}")
    lines.append(f"\nstart to the first answer: {started.seconds:.2f} s, {started.cpu_seconds:.2f} s of CPU")
    lines.append(f"at rest: {started.megabytes:.0f} MB")
    return "\n".join(lines)
