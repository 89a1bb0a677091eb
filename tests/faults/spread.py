"""The strategies under faults: who is asked first and next where not `priority` decides.

Every strategy asks the entry that has the fault first: by its place, its price or its weight.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import msgspec

from tests.faults.laws import Harm, Law
from tests.faults.play import judged, planned
from tests.faults.stage import Stage
from tests.faults.table import Cell, Mode, Row, Scene
from tests.faults.table import cells as cells_of

STRATEGIES = ("round_robin", "cost_optimized", "weighted", "latency", "least_busy")
ROWS = frozenset({
    "unknown-host", "refused", "no-trust", "by-proxy", "no-head", "closed-before-head", "not-http", "page-503",
    "bare-400", "bare-401", "bare-404", "bare-429", "bare-500", "wait-an-hour",
})  # fmt: skip
"""One fault of each sort of consequence."""


class Spread(msgspec.Struct, frozen=True):
    """A cell under another strategy."""

    cell: Cell
    strategy: str

    @property
    def name(self) -> str:
        return f"{self.cell.name} {self.strategy}"


def spreads(rows: Sequence[Row]) -> Iterator[Spread]:
    """Return the cells of the strategies."""
    chosen = [row for row in rows if row.name in ROWS]
    for cell, strategy in itertools.product(cells_of(chosen), STRATEGIES):
        if cell.scene is Scene.BACKUP and cell.number == 0 and cell.mode is not Mode.COLLECTED:
            yield Spread(cell, strategy)


async def played(spread: Spread) -> list[str]:
    """Play one; return the complaints."""
    cell, law = spread.cell, spread.cell.law
    assert isinstance(law, Law)
    stage = Stage(cell, alone=False, once=False, strategy=spread.strategy)
    try:
        seen = await stage.ask(max_tokens=17)
        found = list(judged(cell, planned(cell), seen, stage))
        stage.over = True
        second, third = _next(law, spread.strategy)
        for number, expected in ((2, second), (3, third)):
            again = await stage.ask(max_tokens=17)
            if again.first != expected and expected is not None:
                found.append(f"request {number} asks {again.first} first, expected {expected}")
            if again.answer is None:
                found.append(f"request {number} ends with {again.error!r}")
    finally:
        await stage.manager.aclose()
    return [f"{spread.name}: {each}" for each in found]


def _next(law: Law, strategy: str) -> tuple[str, str | None]:
    """Return who is asked first by the second and by the third request, now that the fault is over."""
    left_alone = law.harm in (Harm.COOLED, Harm.MODEL, Harm.KEY, Harm.HOST)
    last = "backup" if law.harm is Harm.HOST else "sister"
    match strategy:
        case "round_robin":
            return "backup", last  # a turn that was taken is taken, whatever came of it
        case "latency" if law.before is None:
            return "primary", None  # what was wrong was the request
        case "latency":
            return last, None  # whoever was never measured comes first; then chance decides
        case _:
            return ("backup", "backup") if left_alone else ("primary", "primary")
