"""What is measured at each gateway, and how."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

from benchmarks.answers import Wanted
from benchmarks.bodies import body_of, messages_of
from benchmarks.gateways.launching import MESSAGES_PATH, PATH, Server
from benchmarks.rounds import quantile

CONCURRENCY = 32
PAUSE_MS = 50
"""Between two chunks of a paced stream: long enough that also the slowest has written one before the next arrives."""
SHORT, LONG = 20, 120
"""Chunks of a short stream, and of a long one. A chunk is the difference between them, without what a request takes."""


class Effort(NamedTuple):
    """How much is sent for one figure."""

    seconds: float
    """How long a gateway shall be busy with it, about."""
    most: int = 60
    """Requests on each connection, at most."""


Figures = dict[str, float]
"""Figures by what they are called."""
Measure = Callable[[Server, Effort], Coroutine[Any, Any, Figures]]


async def counted(server: Server, body: bytes, effort: Effort, path: str = PATH) -> int:
    """Send a request on each connection, and return how often it takes the effort: the first ones warm a gateway up."""
    began = time.perf_counter()
    await server.ask(body, concurrency=CONCURRENCY, path=path)
    took = time.perf_counter() - began
    return max(1, min(effort.most, int(effort.seconds / took)))


async def _cpu(
    server: Server, body: bytes, count: int, path: str = PATH, *, is_new: bool = True
) -> tuple[float, list[float]]:
    """Return the CPU microseconds of a request, and the seconds that each took."""
    before = server.tree.cpu()
    took = await server.ask(body, count=count, concurrency=CONCURRENCY, path=path, is_new=is_new)
    return (server.tree.cpu() - before) / len(took) * 1e6, took


def _request(name: str, body: bytes, *, times: bool = False, path: str = PATH, is_new: bool = True) -> Measure:
    async def measure(server: Server, effort: Effort) -> Figures:
        count = await counted(server, body, effort, path)
        used, took = await _cpu(server, body, count, path, is_new=is_new)
        if not times:
            return {name: used}
        return {name: used, "32 at once, p50": quantile(took, 0.5) * 1e3, "32 at once, p99": quantile(took, 0.99) * 1e3}

    return measure


def _chunk(name: str, kind: str, pause_ms: int) -> Measure:
    async def measure(server: Server, effort: Effort) -> Figures:
        short, long = (body_of(1_000, Wanted(kind, count, pause_ms).line, stream=True) for count in (SHORT, LONG))
        count = 1 if pause_ms else await counted(server, long, effort)
        used = [(await _cpu(server, body, count))[0] for body in (short, long)]
        return {name: (used[1] - used[0]) / (LONG - SHORT)}

    return measure


async def _alone(server: Server, effort: Effort) -> Figures:
    """One request after another, on one connection: what a caller waits when nobody else asks."""
    body = body_of(1_000)
    took = await server.ask(body)
    count = max(20, min(400, int(effort.seconds / took[0])))
    took = await server.ask(body, count=count)
    return {"alone, p50": quantile(took, 0.5) * 1e3, "alone, p99": quantile(took, 0.99) * 1e3}


OTHER_WIRE = "other wire format"
"""A question of 1 KB in Anthropic's wire format, answered by the same upstream."""
TLS = "1 KB, TLS"
"""A request of 1 KB by a gateway whose upstream speaks TLS, as providers do; its callers stay on plain HTTP."""
WORDS = 10
"""Chunks of its answer, for a gateway that asks for a stream inside, as ours does where another target could go on."""
MEASURES: dict[str, Measure] = {
    "1 KB": _request("1 KB", body_of(1_000), times=True),
    "40 KB": _request("40 KB", body_of(40_000)),
    "1 MB": _request("1 MB", body_of(1_000_000)),
    "1 MB again": _request("1 MB again", body_of(1_000_000), is_new=False),
    OTHER_WIRE: _request(OTHER_WIRE, messages_of(1_000, Wanted(size=WORDS).line), path=MESSAGES_PATH),
    "answer of 200 KB": _request("answer of 200 KB", body_of(1_000, Wanted(size=200_000).line)),
    "chunk": _chunk("chunk", "words", PAUSE_MS),
    "chunk of a burst": _chunk("chunk of a burst", "words", 0),
    "chunk of a tool call": _chunk("chunk of a tool call", "tools", 0),
    "alone": _alone,
}
"""All of them but one, by name; one may give several figures."""
OVER_TLS: dict[str, Measure] = {TLS: _request(TLS, body_of(1_000))}
"""What is measured where the upstream speaks TLS."""
MAY_BE_MISSING = frozenset({OTHER_WIRE, TLS})
"""What a gateway may lack, and is measured on."""
CPU = (
    "1 KB",
    TLS,
    "40 KB",
    "1 MB",
    "1 MB again",
    OTHER_WIRE,
    "answer of 200 KB",
    "chunk",
    "chunk of a burst",
    "chunk of a tool call",
)
"""The figures that are CPU microseconds, of a request or of a chunk."""
LATENCY = ("alone, p50", "alone, p99", "32 at once, p50", "32 at once, p99")
"""The figures that are milliseconds from sending a request to the end of its answer."""
START = ("start, s", "start, CPU s", "at rest, MB")
"""The figures of the start: seconds to the first answer, CPU seconds, and resident memory before the first request."""
