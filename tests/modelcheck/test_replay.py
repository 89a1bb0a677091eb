"""The engine, on virtual time, does what the search says of the calls alone."""

from __future__ import annotations

from random import Random

from tests.modelcheck.bugs import BUGS, seeded
from tests.modelcheck.replay import expected, replay
from tests.modelcheck.scenes import SCENES, Scene
from tests.modelcheck.search import Search
from tests.modelcheck.world import Move, World


def at_random(scene: Scene, rng: Random, most: int = 12) -> tuple[Move, ...]:
    """Return moves of a scene that scripted providers can make: they alter no request, and are never late."""
    world, trace = World(scene), list[Move]()
    while len(trace) < most:
        moves = [move for move in world.moves() if move.what not in ("is late", "a health check succeeds")]
        moves = [move for move in moves if move.fault is None or not (move.fault.translated or move.fault.once_shown)]
        if not moves:
            break
        move = rng.choice(moves)
        world.make(move)
        trace.append(move._replace(chance=(False,) * world.chance.drawn))
    return tuple(trace)


def test_the_engine_launches_what_the_search_says() -> None:
    """But for the order of some events of the same moment, and for what follows the last move."""
    rng, agree, all_of_them = Random(1), 0, 0
    for scene in SCENES:
        for _ in range(4):
            trace = at_random(scene, rng)
            agree += replay(scene, trace) == expected(scene, trace)[0]
            all_of_them += 1
    assert agree >= 0.8 * all_of_them


def test_the_engine_breaks_the_law_that_a_trace_breaks() -> None:
    with seeded(next(bug for bug in BUGS if bug.name == "a lease does not keep others out")):
        scene = next(scene for scene in SCENES if scene.name == "the first is down")
        violation = Search(scene, states=1000, live=0).run().violation
        assert violation is not None
        seen, allowed = replay(scene, violation.trace), expected(scene, violation.trace)[0]
        assert seen[:-1] == allowed
        assert (allowed[-1].target, seen[-1].target) == ("a", "a"), "two probes at once"
    assert replay(scene, violation.trace)[-1].target == "b"
