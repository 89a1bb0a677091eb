"""Whatever a provider does, the right thing follows: faults × ten providers × modes × who else is there.

A cell is one fault of one provider, asked in one mode, with or without another target behind. Six things are judged in
each: the class of the failure, the action that followed, what the caller saw, the attempts and their cost, the health
afterwards (by what the next requests do), and the time, which is virtual and so exact.

`laws.py` says what must follow from each kind of failure, and the rows of `rows/` which fault is of which kind, all
written by hand. The faults come over an in-memory transport; what needs a socket is played at the seam where the
HTTP library raises, and over real sockets by `tests/hostile`.

Not here, because the library has no part in it or another suite plays it:

- shutting down under load, power loss, a full disk, databases and replicas: the ledger keeps no files here;
- idempotency keys of a server's callers: a gateway's;
- writing to a caller who does not read: `tests/hostile` (the reader of a stream who pauses is here);
- TLS handshakes, dropped packets and "happy eyeballs" as such: `tests/hostile/test_connecting.py`;
- retry storms and rates: the simulator, `tests/simulator`.

A short run plays every fault of every provider that lasts, with a healthy target behind, plain or as a stream by turns
(one provider of each wire format in both); `--deep` plays all.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import pytest

from tests.faults import spread
from tests.faults.play import play
from tests.faults.plots import PLOTS, Plot, plot_cells
from tests.faults.plots import played as plot_played
from tests.faults.rows import bodies, connecting, statuses, streams
from tests.faults.table import Cell, Mode, Row, Scene, cells
from tests.faults.vendors import VENDORS
from understudy import providers
from understudy.testing import run_virtually

GROUPS = {
    "connecting": connecting.ROWS,
    "statuses": statuses.ROWS,
    "bodies": bodies.ROWS,
    "streams": streams.ROWS,
}
ROWS: tuple[Row, ...] = tuple(itertools.chain.from_iterable(GROUPS.values()))
ALL_PLOTS: tuple[Plot, ...] = tuple(itertools.chain.from_iterable(PLOTS.values()))


_SHARERS = [name for name, each in VENDORS.items() if each.answers.dialect == "openai"][1:]
"""All but one of the providers that share a wire format."""


def chosen(row: Row) -> list[Cell]:
    """Choose the cells of a short run: the fault lasts, and another target is there.

    One provider of each wire format is asked in both modes for the first variant of a fault; the rest take turns.
    """
    every = list(cells([row]))
    lasting = [each for each in every if each.scene is Scene.BACKUP and each.mode is not Mode.COLLECTED]
    modes = {each.mode for each in lasting}
    return [each for each in lasting if len(modes) == 1 or _is_chosen(each)] or every


def _is_chosen(cell: Cell) -> bool:
    name = cell.vendor.name
    if name not in _SHARERS and cell.number == 0:
        return True
    turn = [*VENDORS].index(name) + cell.number + len(cell.row.name)
    return cell.mode is (Mode.PLAIN, Mode.STREAM)[turn % 2]


async def _played(picked: Sequence[Cell]) -> list[str]:
    return [each for cell in picked for each in await play(cell)]


def _complain(found: list[str], of: int) -> None:
    assert not found, f"{len(found)} complaints of {of} cells:\n" + "\n".join(found[:40])


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_what_follows_from(row: Row, deep: bool) -> None:
    picked = list(cells([row])) if deep else chosen(row)
    assert picked
    _complain(run_virtually(_played(picked)), len(picked))


@pytest.mark.parametrize("plot", ALL_PLOTS, ids=lambda plot: plot.row.name)
def test_a_plot(plot: Plot, deep: bool) -> None:
    """Each on a loop of its own, which begins at 0."""
    picked = plot_cells([plot])
    for cell, each in picked if deep else picked[::2]:
        _complain(run_virtually(plot_played(cell, each)), 1)


@pytest.mark.parametrize("strategy", spread.STRATEGIES)
def test_a_strategy(strategy: str, deep: bool) -> None:
    picked = [each for each in spread.spreads(ROWS) if each.strategy == strategy]

    async def run() -> list[str]:
        return [found for each in (picked if deep else picked[::10]) for found in await spread.played(each)]

    _complain(run_virtually(run()), len(picked))


def test_there_are_enough_cells_of_every_provider() -> None:
    every: list[Any] = [*cells(ROWS), *(cell for cell, _ in plot_cells(ALL_PLOTS))]
    every += [each.cell for each in spread.spreads(ROWS)]
    assert len(every) >= 4_000
    picked = [cell for row in ROWS for cell in chosen(row)]
    assert len(picked) >= 1_500
    # Of each row, whatever a provider or a wire format can do is played.
    for names in (lambda cell: cell.vendor.name, lambda cell: (cell.vendor.answers.dialect, cell.mode)):
        possible = {(cell.row.name, names(cell)) for cell in cells(ROWS) if cell.mode is not Mode.COLLECTED}
        assert possible == {(cell.row.name, names(cell)) for cell in picked if cell.mode is not Mode.COLLECTED}
    assert set(VENDORS) == set(providers.types())
    for vendor in VENDORS:
        assert sum(cell.vendor.name == vendor for cell in every) >= 400, vendor


def test_each_cell_has_a_name_of_its_own() -> None:
    names = [cell.name for cell in cells(ROWS)]
    assert len(names) == len(set(names))


def test_a_short_run_has_lone_targets_too() -> None:
    """A request may begin with a wait, if its only target is in cooldown."""
    row = next(row for row in ROWS if row.name == "bare-429")
    lone = [each for each in cells([row]) if each.scene is Scene.ALONE]
    _complain(run_virtually(_played(lone)), len(lone))
