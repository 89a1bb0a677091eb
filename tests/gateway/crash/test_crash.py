"""A selection of the crash test of the gateway: each scenario, way and caller has its turn. All of it: `make crash`."""

from __future__ import annotations

import pytest

from tests.gateway.crash.callers import Seen
from tests.gateway.crash.stage import CALLERS, WAYS, Plot, judged, plots, staged
from tests.hostile.answers.base import PIECES, TEXT
from tests.hostile.failover import SCENARIOS
from tests.hostile.playing import complaints

STRIDE, DEEP = 61, 5


async def test_a_primary_that_fails_never_costs_the_answer(deep: bool) -> None:
    chosen = plots()[:: DEEP if deep else STRIDE]
    assert {plot.caller for plot in chosen} == {*CALLERS}
    assert {plot.way for plot in chosen} == {*WAYS}
    assert {plot.scenario.name for plot in chosen} == {each.name for each in SCENARIOS if each.requests == 1}
    async with staged() as (stage, callers):

        async def play(plot: Plot) -> list[str]:
            return await stage.play(plot, callers)

        found = await complaints(chosen, play)
    assert not found, "\n".join(found)
    assert stage.tally["plain", "complete"]
    assert stage.tally["hold", "complete"]
    assert stage.tally["surface", "broken"]


@pytest.mark.parametrize(
    ("way", "seen", "words"),
    [
        ("plain", Seen(text=TEXT, finish="stop"), None),
        ("surface", Seen(text=PIECES[0], error="cut"), None),
        ("surface", Seen(text=PIECES[0], finish="stop"), "a part passes for the whole"),
        ("surface", Seen(text=PIECES[0]), "neither complete nor an error"),
        ("surface", Seen(text=TEXT, finish="stop", error="x"), "complete, and an error"),
        ("restart", Seen(text=PIECES[0] + TEXT, finish="stop"), "what was shown is not the answer"),
        ("hold", Seen(text=PIECES[0], error="cut"), "the backup was well"),
        ("surface", Seen(error="503"), "the backup was well"),
    ],
)
def test_the_judge_notices(way: str, seen: Seen, words: str | None) -> None:
    plot = next(each for each in plots() if each.scenario.name == "stream cut" and each.way == way)
    found = "; ".join(judged(plot, seen))
    assert (found == "") if words is None else (words in found)
