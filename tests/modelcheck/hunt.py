"""Searching for seeded bugs: first where each was found before, and with few states; then everywhere, and deeper.

Or with states told apart by the abstraction of `view.py`: what is found so shows that it keeps what matters.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context
from typing import NamedTuple

from msgspec.structs import replace

from tests.modelcheck.bound import BOUND
from tests.modelcheck.bugs import Bug, seeded
from tests.modelcheck.scenes import SCENES, Scene
from tests.modelcheck.search import Search, Violation

_NEAR = ((400, 0), (400, 1), (3000, 0), (3000, 1), (8000, 0))
"""Where a bug was found before: how many states to visit, and of how many one is followed to its end."""
_FAR = ((600, 0), (600, 2))
"""In all scenes."""


class Hunted(NamedTuple):
    """What became of the search for a bug."""

    bug: Bug
    violation: Violation | None
    scene: str
    states: int
    transitions: int
    seconds: float


def hunt(bug: Bug, *, far: bool = False, abstract: bool = False) -> Hunted:
    """Look for a bug where it was found before; `far`: then in all scenes; `abstract`: there only, with states told
    apart by the abstraction.

    What no action betrays is looked for a second time, by following states to their end: such a trace is longer.
    """
    near = [scene for scene in (*SCENES, *BOUND) if scene.name in bug.scenes]
    rounds = [(scene, *how) for how in _NEAR for scene in near]
    if (far and not abstract) or not near:
        rounds += [(scene, *how) for how in _FAR for scene in SCENES]
    return _search(bug, [(_abstract(scene) if abstract else scene, most, live) for scene, most, live in rounds])


def _abstract(scene: Scene) -> Scene:
    return replace(scene, abstract=True)


def _search(bug: Bug, rounds: Iterable[tuple[Scene, int, int]]) -> Hunted:
    began, states, transitions = time.process_time(), 0, 0
    violation, scene = None, ""
    with seeded(bug):
        for place, most, live in rounds:
            found = Search(place, states=most, live=live).run()
            states, transitions = states + found.states, transitions + found.transitions
            if found.violation is not None:
                violation, scene = found.violation, place.name
                break
    return Hunted(bug, violation, scene, states, transitions, time.process_time() - began)


def hunt_all(bugs: Iterable[Bug], processes: int, *, abstract: bool = False) -> Iterator[Hunted]:
    """Look for bugs side by side; yield what became of each, in their order."""
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(partial(hunt, far=True, abstract=abstract), bugs)
