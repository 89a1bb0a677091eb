"""`python -m benchmarks.machinery`: the CPU of policy and engine alone, for a streamed request of 20 events.

Beneath them is a provider whose events are in memory already, so neither a decoder nor a transport takes part. What
iterating those events costs by itself is taken off. The least of many rounds counts: other load only ever adds.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, Self

import msgspec

import understudy as u
from understudy.domain.events import Event, Finished, Started, UsageReported
from understudy.domain.finish import FinishReason
from understudy.domain.operation import Operation
from understudy.domain.usage import Usage
from understudy.engine.attempt_stream import AttemptStream
from understudy.engine.engine import Engine
from understudy.engine.job import Job
from understudy.engine.registry import backend_of
from understudy.engine.run import Run
from understudy.policy.plan import Plan, Step
from understudy.policy.signals import Rules

EVENTS = 20
CALLS = 200
"""In a round."""
ROUNDS = 15
USAGE = Usage(input=12, output=17)
SAID: tuple[Event, ...] = (
    Started(id="1", model="m"),
    *(u.TextDelta(0, f" word{number}") for number in range(EVENTS - 3)),
    UsageReported(USAGE),
    Finished(FinishReason.STOP),
)


class Memory:
    """An attempt whose events are there already, each in a batch of its own, as they come over a network."""

    dialect = server = account = raw = message = cost = wire_answer = quotas = None
    streamed = True
    answered = True
    is_over = False
    translated = False

    def __init__(self) -> None:
        self._events = iter(SAID)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> list[Any]:
        for event in self._events:
            return [event]
        raise StopAsyncIteration

    def interrupt(self, failure: object) -> None:
        """Do nothing."""

    def clean(self, text: str) -> str:
        """Return the text as it is."""
        return text

    async def aclose(self) -> None:
        """Do nothing."""


def _attempt(*_: object) -> AttemptStream:
    return Memory()


def work() -> tuple[Callable[[], Awaitable[None]], Callable[[], Awaitable[None]]]:
    """Return a request through policy and engine, and the bare iteration over its events."""
    config = u.ProviderConfig(provider="openai", api_key=u.Secret("sk-bench"), text_model="m")
    backend: Any = backend_of(u.create_provider(config))
    backend.attempt = _attempt
    target = backend.text_target()
    engine = Engine()
    plan = Plan((Step(target, "alone"),))
    request = u.GenerationRequest(messages=(u.Message.user("Why is the sky blue?"),))
    job = Job(id="1", operation=Operation.CHAT, request=request, rules=Rules(streamed=True))
    backends = {target.name: backend}

    async def through() -> None:
        async for _ in Run(msgspec.structs.replace(job, id="1"), plan, backends, engine).events():
            pass

    async def bare() -> None:
        async for _ in Memory():
            pass

    return through, bare


async def measure() -> dict[str, float]:
    """Return microseconds of CPU a request, and what of them is the bare iteration."""
    works = dict(zip(("through", "bare"), work(), strict=True))
    best: dict[str, float] = dict.fromkeys(works, float("inf"))
    for _ in range(ROUNDS):
        for name, one in works.items():
            began = time.process_time()
            for _ in range(CALLS):
                await one()
            best[name] = min(best[name], (time.process_time() - began) / CALLS * 1e6)
    return best


def main() -> None:
    found = asyncio.run(measure())
    own = found["through"] - found["bare"]
    sys.stdout.write(
        f"policy and engine, {EVENTS} events: {own:.1f} µs of CPU a request ({own / EVENTS:.2f} an event)\n"
    )


if __name__ == "__main__":
    main()
