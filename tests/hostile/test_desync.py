"""Thousands of calls over kept connections, on which a server injects, closes and delays at random.

Each answer must carry what its own request carried: then no byte that was received before a request was written has
become part of its answer. And the server must not have seen a request more often than there are attempts of it.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter

import pytest

import understudy
from tests.hostile.asking import answer_to, provider
from tests.hostile.raw import Line, Request, serving

AT_ONCE = 40
SEED = 20261128


def token_of(request: Request) -> str:
    body = json.loads(request.body)
    if "input" in body:
        return str(body["input"] if isinstance(body["input"], str) else body["input"][0])
    return str(body["messages"][-1]["content"])


class Mischief:
    """What the server does on its connections: half of the time nothing."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.seen: Counter[str] = Counter()
        self.last = "666"
        self.injected = 0

    async def __call__(self, line: Line) -> None:
        """Answer request after request."""
        rng = self.rng
        while True:
            request = await line.request()
            token = token_of(request)
            self.seen[token] += 1
            good = answer_to(request, token)
            # A good answer to another call, often one that runs or has run: what a desynchronised client would show.
            evil = answer_to(request, rng.choice([self.last, str(rng.randrange(10**6, 10**7))]))
            self.last = token
            cut = rng.randrange(1, len(evil))
            match rng.randrange(20):
                case 0:
                    await line.send(good + evil)
                case 1:
                    await line.send(good + evil[:cut])
                case 2:
                    await line.send(good)
                    await self.inject(line, evil)
                case 3:
                    await line.send(good)
                    await self.inject(line, evil[:cut])
                case 4:
                    # Something of the good answer is left for the second piece; alone it might meet the next request.
                    begun = min(cut, len(good) - 1)
                    await line.send(good[:begun], good[begun:] + evil, pause=rng.uniform(0, 0.004))
                case 5:
                    await line.send(good)
                    await asyncio.sleep(rng.uniform(0, 0.004))
                    return
                case 6:
                    return
                case 7:
                    line.reset()
                    return
                case 8:
                    await line.send(good[: rng.randrange(len(good))])
                    return
                case 9:
                    await line.send(b"HTTP/1.1 100 Continue\r\n\r\n" + good + b"HTTP/1.1 100 Continue\r\n\r\n")
                case _:
                    await line.send(good[:cut], good[cut:], pause=rng.uniform(0, 0.002))

    async def inject(self, line: Line, evil: bytes) -> None:
        """Send what nobody asked for, unless the next request is there: after that it would be a wrong answer to it."""
        await asyncio.sleep(self.rng.choice([0, self.rng.uniform(0, 0.004)]))
        if line.is_idle():
            self.injected += 1
            await line.send(evil)


@pytest.mark.usefixtures("each_transport")
async def test_no_answer_is_anothers_and_no_request_is_repeated_unrecorded(deep: bool) -> None:
    mischief = Mischief(SEED)
    sent: Counter[str] = Counter()
    outcomes: Counter[str] = Counter()
    places = asyncio.Semaphore(AT_ONCE)

    async def call(llm: understudy.LLMProvider, number: int) -> None:
        token = str(number)
        async with places:
            try:
                if number % 3 == 0:
                    vectors = await llm.embed(token)
                    text, attempts = f"{vectors.embedding[0]:.0f}", vectors.attempts
                elif number % 3 == 1:
                    response = await llm.generate(token)
                    text, attempts = response.text, response.attempts
                else:
                    stream = llm.stream(token)
                    text = "".join([event.text async for event in stream if isinstance(event, understudy.TextDelta)])
                    attempts = stream.response.attempts  # type: ignore[attr-defined]
                assert text == token, "the answer is another's"
                outcomes["answered"] += 1
            except understudy.Unavailable as error:
                attempts = error.attempts
                outcomes["failed"] += 1
            for attempt in attempts:
                kind = attempt.failure.kind if attempt.failure else "none"
                outcomes[f"attempt: {kind}"] += 1
                sent[token] += attempt.failure is None or attempt.failure.sent

    calls = 10_000 if deep else 1_000
    async with serving(mischief) as server:
        llm = provider(server, tries=4)
        await asyncio.gather(*(call(llm, number) for number in range(calls)))
        await llm.aclose()
    assert mischief.seen <= sent, "a request arrived more often than attempts are recorded"
    assert outcomes["answered"] > 0.9 * calls
    assert server.connections < 0.9 * len(server.requests), "connections are used again"
    assert outcomes["attempt: stale_connection"] > 0
    assert mischief.injected > 0.02 * calls
    print(f"{calls} calls: {dict(outcomes)}, {len(server.requests)} requests, {mischief.injected} injections")
