"""Both transports make the same of the same bytes, but for the differences of `verdicts.REASONS`.

`make http N=100000` plays more scripts than the test suite does.
"""

from __future__ import annotations

import asyncio
import os
from collections import Counter

from tests.hostile.differential.play import Answer, Outcome, Refusal, Server, outcome_of
from tests.hostile.differential.scripts import Generator, Script
from tests.hostile.differential.verdicts import REASONS, reason
from tests.transports import maker

COUNT = int(os.environ.get("UNDERSTUDY_HTTP", "1000"))
SEED = int(os.environ.get("UNDERSTUDY_HTTP_SEED", "20261129"))
AT_ONCE = 8
BATCH = 1000
PATIENCE = 20.0
"""Seconds after which a transport counts as hanging, which nothing allows."""


async def play(name: str, scripts: list[Script]) -> list[Outcome]:
    """Return what a transport makes of each script. Each runner has a transport of its own, so that a connection that
    is kept for one script serves no other."""
    server = Server(scripts)
    outcomes: dict[int, Outcome] = {}
    numbers = iter(range(len(scripts)))

    async def run() -> None:
        transport = maker(name)()
        for number in numbers:
            try:
                async with asyncio.timeout(PATIENCE):
                    outcomes[number] = await outcome_of(transport, server, number, scripts[number])
            except TimeoutError:
                outcomes[number] = Refusal("hangs", sent=True)
        await transport.aclose()

    async with server.running():
        await asyncio.gather(*(run() for _ in range(AT_ONCE)))
    return [outcomes[number] for number in range(len(scripts))]


async def test_both_make_the_same_of_the_same_bytes() -> None:
    generator = Generator(SEED)
    tally: Counter[str] = Counter()
    for start in range(0, COUNT, BATCH):
        scripts = [generator.script() for _ in range(min(BATCH, COUNT - start))]
        ours, theirs = await play("httptools", scripts), await play("aiohttp", scripts)
        for script, own, other in zip(scripts, ours, theirs, strict=True):
            why = "the same" if own == other else reason(script, own, other)
            assert why is not None, f"{script}\nhttptools: {own}\naiohttp:   {other}"
            tally[why] += 1
            tally["answers"] += isinstance(own, Answer)
            tally["kept"] += isinstance(own, Answer) and own.is_kept is True
    print(f"{COUNT} scripts from seed {SEED}: {dict(tally)}")
    assert tally["the same"] > 0.8 * COUNT
    assert tally["answers"] > 0.3 * COUNT
    assert tally["kept"] > 0.1 * COUNT
    assert all(tally[each] for each in REASONS), "each difference is seen"
