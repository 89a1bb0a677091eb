"""Two requests in every state that a few moves reach: no law is broken, and seeded bugs are found."""

from __future__ import annotations

import ast
import inspect
import pickle
import re
from random import Random

import pytest
from msgspec.structs import replace

from tests.modelcheck import view as view_module
from tests.modelcheck.bound import BOUND
from tests.modelcheck.bugs import BUGS, Bug, missing, seeded
from tests.modelcheck.faults import FAULTS, SERVER_ERROR
from tests.modelcheck.hunt import hunt
from tests.modelcheck.laws import Book
from tests.modelcheck.ledger import Ledger
from tests.modelcheck.memory import SAID, Coder, Snapshot
from tests.modelcheck.scenes import SCENES, Scene
from tests.modelcheck.search import MOST_OF_A_WHOLE, Search, code, told
from tests.modelcheck.shown import Shown
from tests.modelcheck.view import LEFT_OUT, view
from tests.modelcheck.world import Move, World
from understudy.policy.breaker import Breaker
from understudy.policy.budgets import Budgets, RetryBudget
from understudy.policy.call import Call
from understudy.policy.commitment import Commitment
from understudy.policy.cooldowns import Pause
from understudy.policy.health import Health
from understudy.policy.key_pools import KeyPools
from understudy.policy.picker import Picker
from understudy.policy.plan import Plan, Step
from understudy.policy.retries import Retries
from understudy.policy.skipped import Skipped
from understudy.policy.tries import Try
from understudy.policy.verdicts import VERDICTS

STATES, DEEP_STATES = 2_400, 125_000
QUICK = ("authentication", "context_length", "invalid_request", "tls", "permission")
"""Scenes of the whole bound of which every state is visited in a second or two."""
LONG = ("dns", "rate_limited, never denied", "rate_limited for 3 s, never denied")
"""Scenes that take a quarter of a minute or more: `python -m tests.modelcheck` visits these."""
SAMPLE = (
    "a lease is not freed on release",
    "a lease does not keep others out",
    "one success closes",
    "what had effects is repeated",
    "the loser of a hedge goes on",
    "both attempts of a hedge commit",
)


def test_no_law_is_broken_in_any_state_that_is_visited(deep: bool) -> None:
    each = -(-(DEEP_STATES if deep else STATES) // len(SCENES))
    states = 0
    for scene in SCENES:
        found = Search(scene, states=each, live=4 if deep else 16).run()
        assert found.violation is None, f"\n{found.violation}"
        states += found.states
    assert states >= (100_000 if deep else 2_200)


def test_small_scenes_are_searched_to_their_end(deep: bool) -> None:
    """Nothing is left to visit: what holds in each of their states holds always."""
    scenes = [scene for scene in SCENES if scene.whole]
    for scene in scenes if deep else scenes[:1]:
        found = Search(scene, states=MOST_OF_A_WHOLE, live=4).run()
        assert found.violation is None, f"\n{found.violation}"
        assert found.whole, scene.name
        assert found.states > 500


def test_a_scene_that_another_process_searches_is_the_same() -> None:
    scene = next(scene for scene in SCENES if scene.name == "one target, two tries")
    found, elsewhere = (Search(each, states=60).run() for each in (scene, pickle.loads(pickle.dumps(scene))))
    assert elsewhere.violation is None, f"\n{elsewhere.violation}"
    assert (elsewhere.states, elsewhere.transitions) == (found.states, found.transitions)


def test_every_state_of_the_whole_bound_is_visited(deep: bool) -> None:
    """In the abstraction of `view.py`: here for some classes of failures, with `--deep` for most."""
    states = 0
    names = {scene.name.removeprefix("bound: "): scene for scene in BOUND}
    for scene in [scene for name, scene in names.items() if (name not in LONG if deep else name in QUICK)]:
        found = Search(scene, states=MOST_OF_A_WHOLE, live=16).run()
        assert found.violation is None, f"\n{found.violation}"
        assert found.whole, scene.name
        states += found.states
    assert states >= (40_000 if deep else 4_000)


@pytest.mark.parametrize("part", [Breaker, RetryBudget, Commitment, Pause, Try, Call], ids=lambda part: part.__name__)
def test_the_abstraction_looks_at_each_field_or_names_it(part: type) -> None:
    """Whoever adds one decides whether states differ in it."""
    looked_at = {
        node.attr for node in ast.walk(ast.parse(inspect.getsource(view_module))) if type(node) is ast.Attribute
    }
    assert fields_of(part) - looked_at <= LEFT_OUT


def fields_of(part: type) -> set[str]:
    if part is Call:
        scene = SCENES[0]
        plan = Plan(tuple(Step(target, "test") for target in scene.plans[0]))
        return set(vars(Call(plan, scene.rules, health=Health(), budgets=Budgets(), rng=Random(1))))
    return set(part.__slots__)  # type: ignore[attr-defined]


def test_requests_that_change_places_are_one_state() -> None:
    one, other = (World(BOUND[0]) for _ in range(2))
    for world, late in ((one, 0), (other, 1)):
        world.make(Move("starts", 0))
        world.make(Move("starts", 1))
        world.make(Move("begins", late, 1))
        assert view(world) != view(World(BOUND[0]))
    assert view(one) == view(other)
    assert code(one) != code(other)


def test_a_state_is_told_by_what_follows_not_by_when() -> None:
    early, late = World(BOUND[0]), World(BOUND[0])
    early.make(Move("starts", 0))
    late.now += 0.5
    late.make(Move("starts", 0))
    assert view(early) == view(late)
    late.make(Move("time passes"))
    assert view(early) != view(late)


def test_a_seeded_bug_is_found() -> None:
    """A few of them; all by `python -m tests.modelcheck --bugs`."""
    assert [bug.name for bug in BUGS if bug.name in SAMPLE and hunt(bug).violation is None] == []


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_seeded_bug_changes_code_that_exists(bug: Bug) -> None:
    assert not missing(bug), (
        f"the code that this bug changes is another now; write its row in bugs.toml anew: {bug.old!r}"
    )


def test_a_bug_is_gone_afterwards() -> None:
    bug = next(bug for bug in BUGS if bug.name == "what had effects is repeated")
    for _ in range(2):
        assert hunt(bug).violation is not None
    scene = next(scene for scene in SCENES if scene.name == "effects")
    assert Search(scene, states=60).run().violation is None


def test_every_class_of_verdicts_occurs() -> None:
    """Kinds whose verdicts differ in nothing that decides are one class."""
    classes = {replace(verdict, basis=VERDICTS[next(iter(VERDICTS))].basis) for verdict in VERDICTS.values()}
    asked = {fault.failure.kind for fault in FAULTS}
    seen = {replace(VERDICTS[kind], basis=VERDICTS[next(iter(VERDICTS))].basis) for kind in asked}
    assert classes == seen


def test_a_trace_is_told_with_what_the_machine_did() -> None:
    trace = (Move("starts", 0), Move("fails", 0, 1, SERVER_ERROR), Move("time passes"), Move("timer", 0))
    scene = Scene("two", faults=(SERVER_ERROR,))
    assert told(scene, (*trace[:1], trace[1]._replace(chance=(True,)), *trace[2:])) == [
        "scene: two",
        "    0.00 s  request 1: starts  -> launch attempt 1 at a",
        "    0.00 s  request 1: attempt 1 fails with server_error (chance: most)",
        "    1.00 s  time passes",
        "    1.00 s  request 1: timer  -> launch attempt 2 at a",
    ]


def test_a_world_is_restored_whatever_happened_since() -> None:
    world = World(SCENES[0])
    world.make(Move("starts", 0))

    def code() -> bytes:
        return Coder(world.now).digest([world.health, world.budgets, world.books, world.calls])

    before, here = code(), Snapshot(world)
    for fault in FAULTS[:4]:
        world.make(Move("fails", 0, 1, fault))
        assert code() != before
        here.restore()
        assert code() == before


class _Slotted:
    __slots__ = ("why",)

    def __init__(self, why: str) -> None:
        self.why = why


class _Open:
    def __init__(self, why: str) -> None:
        self.targets = why


@pytest.mark.parametrize("kind", [_Slotted, _Open])
def test_fields_named_as_explanations_of_other_classes_tell_states_apart(kind: type) -> None:
    assert Coder(0.0).digest(kind("a")) != Coder(0.0).digest(kind("b"))


def test_each_field_that_makes_no_difference_is_one_of_its_class() -> None:
    policy = (Breaker, Call, Commitment, Health, KeyPools, Pause, Picker, Retries, Skipped)
    classes = {each.__name__: each for each in (*policy, Book, Ledger, Shown)}
    assert classes.keys() == SAID.keys()
    for name, cls in classes.items():
        text = inspect.getsource(cls)
        assert all(re.search(rf"\b{field}\b", text) for field in SAID[name]), name


def test_a_bug_in_the_search_itself_would_show() -> None:
    """A world in which nothing is ever released is not what the books say."""
    with seeded(next(bug for bug in BUGS if bug.name == "failed attempts keep their permits")):
        violation = Search(SCENES[0], states=200, live=0).run().violation
    assert violation is not None
    assert violation.law == "permits are returned"
    assert len(violation.trace) == 2
