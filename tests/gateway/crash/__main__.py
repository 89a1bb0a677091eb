"""The crash test of failover at the gateway, all of it: `make crash`, or `python -m tests.gateway.crash [CALLER …]`."""

from __future__ import annotations

import asyncio
import sys
import time

from tests.gateway.crash.stage import Plot, plots, staged
from tests.hostile.playing import complaints


async def main(callers: list[str]) -> int:
    """Act all plots out, print what is wrong, and return how much."""
    chosen = [plot for plot in plots() if not callers or plot.caller in callers]
    began = time.monotonic()
    async with staged() as (stage, clients):

        async def play(plot: Plot) -> list[str]:
            return await stage.play(plot, clients)

        found = await complaints(chosen, play)
    for each in found:
        print(f"WRONG: {each}")
    print(f"{len(chosen)} trials at the gateway, {len(found)} complaints, {time.monotonic() - began:.0f} s")
    for (way, end), number in sorted(stage.tally.items()):
        print(f"{way:9} {end:9} {number:5}")
    return len(found)


if __name__ == "__main__":
    sys.exit(bool(asyncio.run(main(sys.argv[1:]))))
