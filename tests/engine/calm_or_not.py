"""Requests carried out twice: with the short way of a calm request, and without it.

Scripted providers answer, fail, stall, break off, stay empty or limit the rate, and callers leave or wait, all on a
virtual clock. The two must not differ in anything that can be seen.

python -m tests.engine.calm_or_not [COUNT]
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import understudy as u
from tests.policy.side_by_side import plain
from understudy.domain.attempts import AttemptRecord
from understudy.domain.events import Finished, Started, TextDelta
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.operation import Operation
from understudy.engine.custom_backend import CustomBackend
from understudy.engine.engine import Engine, Sources
from understudy.engine.job import Job
from understudy.engine.run import Run
from understudy.policy.first_attempt import FirstAttempt
from understudy.policy.plan import Plan, Step
from understudy.policy.signals import Rules
from understudy.policy.targets import Limits, Target
from understudy.virtual_time import run

KINDS = (
    *(FailureKind.RATE_LIMITED, FailureKind.SERVER_ERROR, FailureKind.TRUNCATED, FailureKind.AUTHENTICATION),
    *(FailureKind.OVERLOADED, FailureKind.CONTENT_FILTER, FailureKind.CONNECT),
)
REQUESTS = 5
"""Of one scenario; some overlap."""


class Scripted:
    """A provider that answers each request as the next line of its script says."""

    provider_type, priority = "own", 10

    def __init__(self, name: str, rng: Random) -> None:
        self.name = name
        self._lines = [(rng.choice((0.0, 0.1, 4.0, 80.0)), _ending(rng), rng.randrange(4)) for _ in range(20)]

    async def stream(self, request: u.GenerationRequest) -> AsyncIterator[u.Event]:
        silence, failure, words = self._lines.pop()
        yield Started(model="m")
        await asyncio.sleep(silence)
        for word in range(words):
            yield TextDelta(0, f"{self.name}{word} ")
            await asyncio.sleep(0.1)
        if failure is not None:
            raise u.ServerFailed("no", failure=failure)
        yield Finished(u.FinishReason.STOP)

    async def generate(self, request: u.GenerationRequest) -> u.GenerationResponse:
        text = ""
        async for event in self.stream(request):
            text += event.text if isinstance(event, TextDelta) else ""
        return u.GenerationResponse(message=u.Message.assistant(text), finish_reason=u.FinishReason.STOP)


def _ending(rng: Random) -> Failure | None:
    if rng.random() < 0.6:
        return None
    wait = rng.choice((None, None, 0.5, 40.0))
    return Failure(kind=rng.choice(KINDS), message="no", retry_after=wait, sent=rng.random() < 0.8)


def _rules(rng: Random) -> Rules:
    return Rules(
        streamed=rng.random() < 0.5,
        on_midstream_error=rng.choice(("surface", "surface", "hold", "restart", "continue")),
        heartbeat=rng.choice((None, None, None, 3.0)),
        hedge_after=rng.choice((None, None, None, 1.0)),
        retry_delay=rng.choice((0.0, 0.5)),
        deadline=rng.choice((2.0, 60.0)),
        max_wait=rng.choice((0.0, 20.0)),
    )


async def _request(number: int, rng: Random, providers: list[Scripted], engine: Engine) -> list[Any]:
    """Carry out one request, and return all that its caller sees."""
    chosen = rng.sample(providers, rng.randrange(1, 4))
    limits = Limits(total=rng.choice((5.0, 600.0)), first_event=rng.choice((1.0, 60.0)), idle=rng.choice((1.0, 60.0)))
    steps = tuple(
        Step(Target(name=each.name, model="m", index=at, limits=limits, continues=True), "test")
        for at, each in enumerate(chosen)
    )
    request = u.GenerationRequest(messages=(u.Message.user("Hi"),))
    job = Job(id=f"job {number}", operation=Operation.CHAT, request=request, rules=_rules(rng))
    one = Run(job, Plan(steps), {each.name: CustomBackend(each) for each in chosen}, engine)  # type: ignore[arg-type]
    seen: list[Any] = []
    loop = asyncio.get_running_loop()

    async def read() -> None:
        async for batch in one.events():
            seen.append((loop.time(), batch))

    reading = asyncio.ensure_future(read())
    await asyncio.wait((reading,), timeout=rng.choice((0.05, 2.0, None, None, None)))
    if not reading.done():
        reading.cancel()
    (error,) = await asyncio.gather(reading, return_exceptions=True)
    told = [type(error).__name__, str(error), getattr(error, "failure", None)]
    return [*seen, loop.time(), *told, one.records, one.response, str(one.journal.explanation())]


async def _play(seed: int) -> list[Any]:
    rng, ids = Random(seed), iter(range(10_000))
    published: list[AttemptRecord] = []
    sources = Sources(rng=Random(seed), new_id=lambda: f"id {next(ids)}", wall_clock=asyncio.get_running_loop().time)
    engine = Engine(sources=sources, observers=(published.append,))
    providers = [Scripted(name, rng) for name in "abc"]
    seen: list[Any] = []
    under_way: list[asyncio.Task[list[Any]]] = []
    for number in range(REQUESTS):
        under_way.append(asyncio.ensure_future(_request(number, Random(seed + number), providers, engine)))
        if rng.random() < 0.6:
            seen += await asyncio.gather(*under_way)
            under_way.clear()
            await asyncio.sleep(rng.choice((0.0, 1.0, 50.0)))
    seen += await asyncio.gather(*under_way)
    await engine.background.finish()
    assert not engine.running
    return [*seen, published, plain(engine.health, {}), plain(engine.budgets, {})]


@contextmanager
def general() -> Iterator[None]:
    """Let every request be decided by a `Call` from its start."""
    start = FirstAttempt.start
    FirstAttempt.start = lambda self, now: None  # type: ignore[method-assign]
    try:
        yield
    finally:
        FirstAttempt.start = start  # type: ignore[method-assign]


def compare(seed: int) -> None:
    """Play one scenario both ways. Raises `AssertionError` where they differ."""
    short, _ = run(_play(seed))
    with general():
        long, _ = run(_play(seed))
    for one, other in zip(short, long, strict=True):
        assert one == other, f"seed {seed}: {one} or {other}"


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    for seed in range(count):
        compare(seed)
    sys.stdout.write(f"{count} scenarios of {REQUESTS} requests are the same both ways\n")


if __name__ == "__main__":
    main()
