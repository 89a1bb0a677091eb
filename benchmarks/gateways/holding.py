"""What one worker holds: a thousand streams at once, its memory over many requests, and what a second worker adds.

python -m benchmarks.gateways.holding [--streams N] [--requests N]

The streams begin one after the other and are paced, as answers of models are. The time to the first content that a
gateway adds is its own less that of the upstream alone. What workers serve is counted by the CPU of the busiest one, so
that it does not depend on how many cores the load has.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from benchmarks.answers import Wanted
from benchmarks.bodies import body_of
from benchmarks.gateways.launching import PATH, Gateway, Place, Server, answering, free_port, started
from benchmarks.gateways.own import OWN, TYPED_RELAY
from benchmarks.load import LoadError, request_of
from benchmarks.processes import Cores, ProcessTree
from benchmarks.rounds import quantile
from benchmarks.upstream import upstream

CHUNKS, PAUSE_MS = 24, 500
"""Of each stream: it lasts twelve seconds."""
RAMP = 8.0
"""Seconds in which the streams begin."""
AT_ONCE = 32
_FIRST = b" word0"
"""The first content. What comes before it, such as the role, a gateway that can still fall back holds back."""


class _Reader(asyncio.Protocol):
    """Asks for one stream, and notes when its first content came."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._tail = b""
        self._began = 0.0
        self.first: float | None = None
        self.done: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._began = time.perf_counter()
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._tail = (self._tail + data)[-64 - len(data) :]
        if self.first is None and _FIRST in self._tail:
            self.first = time.perf_counter() - self._began
        if self._tail.endswith(b"0\r\n\r\n") and b"[DONE]" in self._tail and self.first is not None:
            self._transport.close()
            self._end(self.first)

    def _end(self, first: float) -> None:
        if not self.done.done():
            self.done.set_result(first)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(LoadError(f"a stream was cut: {self._tail[-200:]!r} ({exc})"))


async def _first_times(port: int, headers: Mapping[str, str], streams: int) -> list[float]:
    """Read so many streams at once, and return the seconds until the first content of each."""
    body = body_of(1_000, Wanted("words", CHUNKS, PAUSE_MS).line, stream=True)
    request, loop = request_of(port, PATH, body, headers), asyncio.get_running_loop()
    readers: list[_Reader] = []
    for _ in range(streams):
        _, reader = await loop.create_connection(lambda: _Reader(request), "127.0.0.1", port)
        readers.append(reader)
        await asyncio.sleep(RAMP / streams)
    return await asyncio.gather(*(reader.done for reader in readers))


class Running(NamedTuple):
    """A gateway that answers."""

    server: Server
    port: int
    headers: Mapping[str, str]


@contextmanager
def _running(gateway: Gateway, folder: Path, port: int, cores: Cores | None, *more: str) -> Iterator[Running]:
    place = Place(folder / f"{gateway.name} {len(more)}".replace(" ", "-"), port, free_port())
    launch = gateway.launch(place)
    launch = launch._replace(command=[*launch.command, *more])
    with started(launch, place, cores or _Anywhere()) as (process, log):
        server = Server(process, place.port, launch.headers)
        answering(process, log, server, body_of(1_000))
        yield Running(server, place.port, launch.headers)


class _Anywhere(Cores):
    """All cores, for several workers."""

    def pinned(self, command: object) -> list[str]:
        return list(command)  # type: ignore[call-overload, no-any-return]


def streams(folder: Path, port: int, cores: Cores, count: int) -> str:
    """Return how long the first content of streams takes that are held at once."""
    alone = asyncio.run(_first_times(port, {}, count))
    lines = [f"{count} streams at once: first content, ms{'p50':>10}{'p99':>10}{'added p50':>12}{'added p99':>12}"]
    base = {share: quantile(alone, share) * 1e3 for share in (0.5, 0.99)}
    lines.append(f"{'upstream alone':<38}{base[0.5]:>10.1f}{base[0.99]:>10.1f}")
    for gateway in (TYPED_RELAY, OWN):
        with _running(gateway, folder, port, cores) as running:
            took = asyncio.run(_first_times(running.port, running.headers, count))
            memory = running.server.tree.megabytes()
        half, most = (quantile(took, share) * 1e3 for share in (0.5, 0.99))
        lines.append(f"{gateway.name:<38}{half:>10.1f}{most:>10.1f}{half - base[0.5]:>12.1f}{most - base[0.99]:>12.1f}")
        lines[-1] += f"  {memory:.0f} MB"
    return "\n".join(lines)


def memory(folder: Path, port: int, cores: Cores, requests: int) -> str:
    """Return how the memory grows over requests, and a tenth of them as streams, after a tenth that warms it up."""
    whole, short = body_of(1_000), body_of(1_000, Wanted("words", 5, 0).line, stream=True)

    async def ask(server: Server, share: float) -> None:
        await server.ask(whole, count=int(requests * share) // AT_ONCE, concurrency=AT_ONCE)
        await server.ask(short, count=int(requests * share) // 10 // AT_ONCE, concurrency=AT_ONCE)

    with _running(OWN, folder, port, cores) as running:
        server = running.server
        asyncio.run(ask(server, 0.1))
        before = server.tree.megabytes()
        asyncio.run(ask(server, 1.0))
        grown = server.tree.megabytes() - before
    return f"memory after {requests:,} requests and {requests // 10:,} streams: {before:.1f} MB {grown:+.1f} MB"


def workers(folder: Path, port: int) -> str:
    """Return what two workers can serve beside one: requests for each CPU second of the busiest worker.

    Beside it, two relays, which share nothing: what the machine gives when both cores are busy.
    """
    found, shares = list[float](), ""
    for count in (1, 2):
        with _running(OWN, folder, port, None, "--workers", str(count)) as running:
            pids = running.server.tree.members()[1 if count > 1 else 0 :]
            requests, used = asyncio.run(_used([running.server], pids))
            found.append(requests / max(used))
            shares = " and ".join(f"{each / sum(used):.0%}" for each in used)
    with _running(TYPED_RELAY, folder, port, None) as one, _running(TYPED_RELAY, folder / "second", port, None) as two:
        floor = list[float]()
        for servers in ([one.server], [one.server, two.server]):
            requests, used = asyncio.run(_used(servers, [each.tree.pid for each in servers]))
            floor.append(requests / max(used))
    return (
        f"two workers, which share the load as {shares}, serve {found[1] / found[0]:.2f} times as much as one; "
        f"two relays that share nothing {floor[1] / floor[0]:.2f} times"
    )


async def _used(servers: Sequence[Server], pids: Sequence[int]) -> tuple[int, list[float]]:
    """Share load among servers. Return how many requests they answered, and the CPU seconds of each process."""
    body, each = body_of(1_000), AT_ONCE * 2 // len(servers)
    await asyncio.gather(*(server.ask(body, count=20, concurrency=each) for server in servers))
    before = [ProcessTree(pid).cpu() for pid in pids]
    took = await asyncio.gather(*(server.ask(body, count=100, concurrency=each) for server in servers))
    used = [ProcessTree(pid).cpu() - start for pid, start in zip(pids, before, strict=True)]
    return sum(map(len, took)), used


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gateways.holding", description=__doc__)
    parser.add_argument("--streams", type=int, default=1_000)
    parser.add_argument("--requests", type=int, default=100_000)
    given = parser.parse_args()
    cores = Cores()
    cores.leave()
    with tempfile.TemporaryDirectory() as name, upstream() as port:
        folder = Path(name)
        sys.stdout.write(f"{streams(folder, port, cores, given.streams)}\n")
        sys.stdout.write(f"{memory(folder, port, cores, given.requests)}\n")
        sys.stdout.write(f"{workers(folder, port)}\n")


if __name__ == "__main__":
    main()
