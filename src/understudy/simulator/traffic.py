"""The callers of a simulation: they arrive at their times, ask, and wait for the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from math import inf
from random import Random
from typing import TYPE_CHECKING

import msgspec

from understudy.client.prompt import read_prompt
from understudy.domain.errors import LLMError
from understudy.domain.requests import GenerationRequest
from understudy.protocol import RequestOptions
from understudy.simulator.draws import Constant, sampler
from understudy.simulator.observer import REQUEST, Observer
from understudy.simulator.scenario import Scenario, Traffic

if TYPE_CHECKING:
    from understudy.client.manager import ProviderManager

BYTES_PER_TOKEN = 4
"""The prompt is as long as its tokens are estimated from, at most `LONGEST`."""
LONGEST = 4000


def arrivals(traffic: Traffic, duration: float, rng: Random) -> Iterator[float]:
    """Yield the times at which requests arrive, in order, waves aside."""
    steps = [(0.0, traffic.rate), *((step.at, step.rate) for step in traffic.steps)]
    for number, (start, rate) in enumerate(steps):
        end = min(duration, steps[number + 1][0] if number + 1 < len(steps) else inf)
        if rate <= 0:
            continue
        at = start
        while True:
            at += rng.expovariate(rate) if traffic.poisson else 1.0 / rate
            if at >= end:
                break
            yield at


def merged(traffic: Traffic, duration: float, rng: Random) -> Iterator[float]:
    """Yield the times of all requests in order, those of waves included."""
    waves = [(wave.at, wave.callers) for wave in sorted(traffic.waves, key=lambda wave: wave.at)]
    waves = [each for each in waves if each[0] < duration]
    for at in arrivals(traffic, duration, rng):
        while waves and waves[0][0] <= at:
            start, callers = waves.pop(0)
            yield from (start for _ in range(callers))
        yield at
    for start, callers in waves:
        yield from (start for _ in range(callers))


def scaled(traffic: Traffic, duration: float, requests: int) -> Traffic:
    """Return the traffic with other rates, so that about `requests` arrive, besides those of waves."""
    times = [0.0, *(min(step.at, duration) for step in traffic.steps), duration]
    rates = [traffic.rate, *(step.rate for step in traffic.steps)]
    expected = sum(rate * (end - start) for rate, start, end in zip(rates, times[:-1], times[1:], strict=True))
    factor = requests / expected if expected else 1.0
    steps = tuple(msgspec.structs.replace(step, rate=step.rate * factor) for step in traffic.steps)
    return msgspec.structs.replace(traffic, rate=traffic.rate * factor, steps=steps)


class Callers:
    """All callers of one run. Each request is a task of its own, as in a server."""

    def __init__(self, manager: ProviderManager, scenario: Scenario, observer: Observer, rng: Random) -> None:
        traffic = scenario.traffic
        self._loop = asyncio.get_running_loop()
        self._manager = manager
        self._observer = observer
        self._traffic = traffic
        self._chance = rng.random
        self._tokens = sampler(traffic.input_tokens, rng)
        self._times = merged(traffic, scenario.duration, Random(rng.random()))
        self._number = 0
        self._request = _request(traffic)
        self._options: RequestOptions = {} if traffic.deadline is None else {"deadline": traffic.deadline}
        self._tasks: set[asyncio.Task[None]] = set()
        self._over: asyncio.Future[None] = self._loop.create_future()
        self._arriving = True

    async def run(self) -> None:
        """Send all requests, and wait until each has ended."""
        self._schedule()
        await self._over

    def _schedule(self) -> None:
        """Arm the timer for the next caller."""
        at = next(self._times, None)
        if at is None:
            self._arriving = False
            self._check_over()
        else:
            self._loop.call_at(at, self._arrive)

    def _arrive(self) -> None:
        self._number += 1
        task = self._loop.create_task(self._ask(str(self._number)))
        self._tasks.add(task)
        task.add_done_callback(self._left)
        self._schedule()

    def _left(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if (error := task.exception()) is not None and not self._over.done():
            self._over.set_exception(error)
        self._check_over()

    def _check_over(self) -> None:
        if not self._arriving and not self._tasks and not self._over.done():
            self._over.set_result(None)

    async def _ask(self, number: str) -> None:
        streamed = self._traffic.stream > 0 and self._chance() < self._traffic.stream
        exchange = self._observer.began(number, round(self._tokens()))
        request = msgspec.structs.replace(self._request, labels={REQUEST: number}, session=self._session())
        error: str | None = None
        provider: str | None = None
        try:
            if streamed:
                stream = self._manager.stream(request, **self._options)
                if await stream.read():
                    self._observer.first_token(exchange)
                    while await stream.read():
                        pass
                provider = stream.response.provider
            else:
                provider = (await self._manager.generate(request, **self._options)).provider
        except LLMError as raised:
            error = type(raised).__name__
        self._observer.ended(exchange, error=error, provider=provider)

    def _session(self) -> str | None:
        sessions = self._traffic.sessions
        return f"session-{int(self._chance() * sessions)}" if sessions else None


def _request(traffic: Traffic) -> GenerationRequest:
    """Return what every caller asks, read once: only its number and session differ."""
    tokens = traffic.input_tokens.value if isinstance(traffic.input_tokens, Constant) else 500.0
    text = "x" * min(LONGEST, max(1, round(tokens) * BYTES_PER_TOKEN))
    options: RequestOptions = {}
    if traffic.model is not None:
        options["model"] = traffic.model
    if traffic.task is not None:
        options["task"] = traffic.task
    return read_prompt(text, options).request
