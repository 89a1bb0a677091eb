"""Searching for a seeded bug."""

from __future__ import annotations

from tests.modelcheck.bugs import Bug, seeded
from tests.modelcheck.scenes import SCENES
from tests.modelcheck.search import Search, Violation

STATES = 4000


def hunt(bug: Bug, states: int = STATES) -> Violation | None:
    """Return the violation with the shortest trace of the first scene that shows one.

    What no action betrays is looked for a second time, by following states to their end: such a trace is longer.
    """
    scenes = [scene for scene in SCENES if not bug.scenes or scene.name.startswith(bug.scenes)]
    with seeded(bug):
        for live in (0, 1):
            for scene in scenes:
                violation = Search(scene, states=states if live else states // 4, live=live).run().violation
                if violation is not None:
                    return violation
    return None
