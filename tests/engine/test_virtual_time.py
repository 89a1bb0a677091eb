"""An hour of traffic over a whole manager, on virtual time: outages, limits, silences and stalls, seed by seed.

The engine is the real one; only the transport, the loop's clock, chance, ids and dates are handed in. So the same seed
must give the same records, byte for byte.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from math import nextafter
from random import Random
from typing import Any

import msgspec

import understudy as u
from understudy.domain.failures import Failure, FailureKind
from understudy.engine.engine import Engine, Sources
from understudy.transport.base import TransportError
from understudy.virtual_time import VirtualTimeLoop, run
from understudy.wire.http import HttpHead, HttpRequest
from understudy.wire.json import decode_object, encode

EPOCH = 1_790_000_000.0
HOUR = 3600.0
DEADLINE = 60.0
USAGE = {"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12}


def chunk(text: str, finish: str | None = None, **more: Any) -> bytes:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish}
    return b"data: " + encode({"id": "1", "model": "m", "choices": [choice], **more}) + b"\n\n"


class Incoming:
    """A body whose pieces come after pauses; one that ends without its last piece stalls for ever."""

    def __init__(self, status: int, headers: dict[str, str], pieces: list[tuple[float, bytes]], stalls: bool) -> None:
        self.head = HttpHead(status, headers)
        self._pieces = pieces
        self._stalls = stalls
        self._closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def read(self) -> bytes:
        pause, piece = self._pieces.pop(0) if self._pieces else (1e9 if self._stalls else 0.0, b"")
        await asyncio.wait((self._closed,), timeout=pause)
        if self._closed.done():
            raise TransportError(Failure(kind=FailureKind.DISCONNECTED, message="closed"))
        return piece

    def release(self) -> None:
        return None

    def close(self) -> None:
        if not self._closed.done():
            self._closed.set_result(None)


class Weather:
    """A provider's day, as a transport: what a request meets depends on the hour and on chance."""

    def __init__(self, seed: str, down: tuple[float, float], limited: tuple[float, float]) -> None:
        self.rng = Random(seed)
        self.down, self.limited = down, limited
        self.calls = 0

    async def send(self, request: HttpRequest, *, connect: float) -> Incoming:
        self.calls += 1
        now, rng = asyncio.get_running_loop().time(), self.rng
        await asyncio.sleep(rng.uniform(0.01, 0.05))
        if self.down[0] <= now < self.down[1]:
            raise TransportError(Failure(kind=FailureKind.CONNECT, message="connection refused", sent=False))
        await asyncio.sleep(rng.expovariate(4.0))
        if self.limited[0] <= now < self.limited[1] and rng.random() < 0.7:
            error = encode({"error": {"message": "slow down", "code": "rate_limit_exceeded"}})
            headers = {"content-type": "application/json", "retry-after": "3"}
            return Incoming(429, headers, [(0.0, error)], stalls=False)
        if rng.random() < 0.02:
            return Incoming(500, {"content-type": "application/json"}, [(0.0, b"{}")], stalls=False)
        if decode_object(request.body or b"{}").get("stream"):
            pieces = [(rng.expovariate(5.0), chunk(f"word {number} ")) for number in range(rng.randrange(2, 9))]
            if rng.random() < 0.02:
                return Incoming(200, {"content-type": "text/event-stream"}, pieces, stalls=True)
            pieces += [(0.1, chunk("", "stop", usage=USAGE)), (0.0, b"data: [DONE]\n\n")]
            return Incoming(200, {"content-type": "text/event-stream"}, pieces, stalls=False)
        choice = {"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}
        body = encode({"id": "1", "model": "m", "choices": [choice], "usage": USAGE})
        return Incoming(200, {"content-type": "application/json"}, [(rng.expovariate(1.0), body)], stalls=False)

    async def aclose(self) -> None:
        return None


class Simulated(u.ProviderManager):
    """A manager whose engine takes chance, ids and dates from the simulation."""

    def __init__(self, *args: Any, seed: str, **fields: Any) -> None:
        super().__init__(*args, **fields)
        self.records: list[u.AttemptRecord] = []
        self._numbers = iter(range(1, 1_000_000))
        self._chance = Random(seed)

    def _make_engine(self) -> Engine:
        loop = asyncio.get_running_loop()
        sources = Sources(
            rng=self._chance,
            new_id=lambda: f"id-{next(self._numbers)}",
            wall_clock=lambda: EPOCH + loop.time(),
        )
        return Engine(observers=(self.records.append,), sources=sources)


class Day(msgspec.Struct):
    """What an hour of traffic left."""

    records: bytes
    outcomes: Counter[str]
    served: Counter[str]
    slowest: float


async def shown(stream: u.ResponseStream) -> u.GenerationResponse:
    """Read a stream piece by piece: nothing may replace what was seen."""
    async for _ in stream:
        pass
    return stream.response


async def an_hour(seed: str, rate: float) -> Day:
    weather = {
        "first": Weather(f"{seed}-1", down=(600.0, 1200.0), limited=(2400.0, 2700.0)),
        "second": Weather(f"{seed}-2", down=(1000.0, 1100.0), limited=(0.0, 0.0)),
        "third": Weather(f"{seed}-3", down=(1000.0, 1050.0), limited=(1500.0, 1800.0)),
    }
    manager = Simulated(
        [
            u.create_provider(
                u.ProviderConfig(
                    provider="openai",
                    name=name,
                    priority=place,
                    text_model="m",
                    api_key=u.Secret("key"),
                    price=u.Price.per_million(input=1, output=2),
                    base_url=f"https://{name}.invalid/v1",
                    idle_timeout=10.0,
                ),
                transport=transport,
            )
            for place, (name, transport) in enumerate(weather.items())
        ],
        u.FallbackConfig(deadline=DEADLINE, retry_delay_ms=200),
        seed=seed,
    )
    arrivals, outcomes, served = Random(f"{seed}-arrivals"), Counter[str](), Counter[str]()
    loop, slowest, running = asyncio.get_running_loop(), 0.0, set[asyncio.Task[None]]()

    async def one(streamed: bool) -> None:
        nonlocal slowest
        began = loop.time()
        try:
            answer = await (shown(manager.stream("Hi")) if streamed else manager.generate("Hi"))
            outcomes["answered"] += 1
            served[answer.provider or "?"] += 1
        except u.Unavailable as error:
            outcomes[type(error).__name__] += 1
        slowest = max(slowest, loop.time() - began)

    while loop.time() < HOUR:
        await asyncio.sleep(arrivals.expovariate(rate))
        task = asyncio.ensure_future(one(arrivals.random() < 0.5))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)
    await manager.aclose()
    return Day(msgspec.json.encode(manager.records), outcomes, served, slowest)


def test_an_hour_with_outages_takes_seconds_and_the_same_seed_gives_the_same_records(deep: bool) -> None:
    rate = 1.0 if deep else 0.2
    (first, took), (again, _) = run(an_hour("one", rate)), run(an_hour("one", rate))
    assert took >= HOUR
    assert first.records == again.records
    requests = sum(first.outcomes.values())
    assert requests > 0.8 * HOUR * rate
    assert first.slowest <= DEADLINE + 0.01
    assert first.outcomes["answered"] > 0.97 * requests, first.outcomes
    assert set(first.served) == {"first", "second", "third"}
    assert first.served["first"] > first.served["second"] > first.served["third"]


def test_another_seed_gives_other_records() -> None:
    (first, _), (other, _) = run(an_hour("one", 0.05)), run(an_hour("two", 0.05))
    assert first.records != other.records


def test_retries_cooldowns_and_deadlines_happened() -> None:
    day, _ = run(an_hour("three", 0.2))
    records = msgspec.json.decode(day.records)
    kinds = {record["failure"]["kind"] for record in records if record["failure"]}
    assert {"connect", "rate_limited", "server_error", "stalled"} <= kinds
    steps = " ".join(record["next_step"] or "" for record in records)
    for decision in ("retry in", "fall back to", "nothing may replace it"):
        assert decision in steps
    by_request = Counter(record["request_id"] for record in records)
    assert max(by_request.values()) > 2
    starts = [record["started"] for record in records]
    assert min(starts) >= EPOCH
    assert max(starts) <= EPOCH + HOUR + DEADLINE


def test_a_timer_that_is_due_after_years_is_not_waited_for_for_ever() -> None:
    async def wait() -> list[float]:
        loop = asyncio.get_running_loop()
        times: list[float] = []
        for _ in range(3):
            await asyncio.sleep(4e8)
            loop.call_at(loop.time(), lambda: times.append(loop.time()))
            await asyncio.sleep(1e-9)
        return times

    times, took = run(wait())
    assert len(times) == 3
    assert 1.2e9 <= took < 1.2e9 + 1e-3


def test_a_timer_never_runs_before_its_time_although_asyncio_runs_timers_a_little_early() -> None:
    due, seen = 1.004, list[float]()

    async def wait_again_until_due(later: int) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(later):
            await asyncio.sleep(0)
        while loop.time() < due and len(seen) < 1_000:
            reached = loop.create_future()
            loop.call_at(due, reached.set_result, None)
            await reached
            seen.append(loop.time())

    async def two_of_which_one_is_always_ready() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualTimeLoop)
        loop.advance(nextafter(nextafter(due, 0), 0))
        await asyncio.gather(wait_again_until_due(0), wait_again_until_due(1))

    run(two_of_which_one_is_always_ready())

    assert seen == [due, due]
