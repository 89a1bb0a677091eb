"""The crash test of failover with the default time-outs: `make crash`, or `python -m tests.hostile.crash PRIMARY …`.

All trials run at once, so it takes as long as the most patient of them: a minute and a quarter, and five minutes with
`ollama` as the primary, whose models may have to be loaded first.
"""

from __future__ import annotations

import asyncio
import sys

import msgspec

from tests.hostile.failover import DEFAULT, PAIRS, Pace, Plot, Result, Trial, plots, summary
from tests.hostile.server import HostileServer

LOADING = msgspec.structs.replace(DEFAULT, patience=315.0, slow=900.0)
"""Ollama's first event may take 300 seconds."""


def _pace(primary: str) -> Pace:
    return LOADING if primary == "ollama" else DEFAULT


async def main(primaries: list[str]) -> int:
    """Run all trials, print a table, and return the number of complaints."""
    async with HostileServer() as server:
        chosen = tuple(pair for pair in PAIRS if not primaries or pair.primary in primaries)

        async def one(plot: Plot) -> tuple[Plot, Result]:
            return plot, await Trial(plot, server, _pace(plot.pair.primary)).run()

        found = await asyncio.gather(*map(one, plots(chosen)))
    print(f"{'scenario':38} {'pair':18} {'call':9} {'ended':18} {'s':>6} {'tries':>5} {'lost':>4}")
    for plot, result in found:
        told = summary(result)
        line = f"{plot.scenario.name:38} {plot.pair.name:18} {plot.way:9} {told['ended']:18} {told['seconds']:6.1f}"
        print(f"{line} {told['attempts']:5} {told['lost']:4}")
        for complaint in result.complaints:
            print(f"    WRONG: {complaint}")
    wrong = sum(len(result.complaints) for _, result in found)
    print(f"{len(found)} trials, {wrong} complaints")
    return wrong


if __name__ == "__main__":
    sys.exit(bool(asyncio.run(main(sys.argv[1:]))))
