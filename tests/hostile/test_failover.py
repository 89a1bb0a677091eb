"""The main promise: whatever becomes of the primary, the caller has the whole right answer, or an error that says so.

With the default time-outs: `make crash`.
"""

from __future__ import annotations

from tests.hostile.failover import SHORT, Plot, Trial, plots
from tests.hostile.playing import complaints
from tests.hostile.server import HostileServer


async def test_a_primary_that_fails_never_costs_the_answer() -> None:
    async with HostileServer() as server:

        async def play(plot: Plot) -> list[str]:
            trial = Trial(plot, server, SHORT)
            return [f"{plot.name}: {complaint}" for complaint in (await trial.run()).complaints]

        found = await complaints(plots(), play)
    assert not found, "\n".join(found)
