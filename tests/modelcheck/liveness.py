"""What must come to pass from every state: requests end, and a target that has recovered is used again."""

from __future__ import annotations

from msgspec.structs import replace

from tests.modelcheck.faults import SILENT
from tests.modelcheck.ledger import NEARLY, Broken
from tests.modelcheck.memory import Snapshot
from tests.modelcheck.world import Move, World
from understudy.policy.breaker import BreakerState
from understudy.policy.call import Call
from understudy.policy.health import Permit
from understudy.policy.plan import Plan, Step
from understudy.policy.signals import Ended, Launch, Rules
from understudy.policy.targets import Target

CAP = 10.0
"""Seconds for which a breaker is open at most."""
LEASE = 10.0
_MOST_MOVES = 400
_FRESH = Rules(deadline=30.0)


def check(world: World) -> None:
    """Raise `Broken` if something would never come to pass. The world is not the same afterwards."""
    here = Snapshot(world)
    _hanging(world)
    here.restore()
    _finish(world, answers=True)
    here.restore()
    _finish(world, answers=False)
    _recovered(world)


def _finish(world: World, *, answers: bool) -> None:
    """Let attempts end when they must, and time pass."""
    moves: list[Move] = []
    while len(moves) < _MOST_MOVES:
        move = _next_move(world, answers=answers)
        if move is None:
            return
        moves.append(move)
        try:
            world.make(move)
        except Broken as error:
            error.moves = moves
            raise
    raise Broken("every fair run ends", f"{_MOST_MOVES} moves, and a request is not settled")


def _next_move(world: World, *, answers: bool) -> Move | None:
    waits = False
    for number, (call, book) in enumerate(zip(world.calls, world.books, strict=True)):
        if call is None or book.settled:
            continue
        waits = True
        due = call.timer()
        if due is not None and due <= world.now:
            return Move("timer", number)
        for attempt, run in book.running.items():
            if answers:
                begins = world.scene.rules.streamed and not run.begun
                return Move("begins" if begins else "ends well", number, attempt)
            if run.limit <= world.now:
                return Move("fails", number, attempt, SILENT)
    return Move("time passes") if waits else None


def _awake(world: World, now: float) -> list[Target]:
    """Return the targets that no provider has told to be left alone."""
    ledger = world.ledger
    return [
        target
        for target in world.targets
        if any(
            not ledger.forbids(replace(target, credential=key), now)
            for key in target.credentials or (target.credential,)
        )
    ]


def _hanging(world: World) -> None:
    """Check that attempts which hang for ever keep no breaker from being probed."""
    later = world.now + CAP + LEASE + NEARLY
    for target in _awake(world, later):
        permit = world.health.acquire(target, later)
        if not isinstance(permit, Permit):
            raise Broken("half-open never wedges", f"{target.label}: {permit.why}")
        world.health.release(permit)


def _recovered(world: World) -> None:
    """Check that fresh requests ask each target again, and that their answers close its breakers."""
    later = world.now + CAP + LEASE + NEARLY
    for target in _awake(world, later):
        for _ in range(2):
            call = _asks(world, target, later)
            call.receive(Ended(1), later)
        state = world.health.breaker_state(target, later)
        if state is not BreakerState.CLOSED:
            raise Broken("a recovered target is used again", f"after two answers {target.label} is {state}")


def _asks(world: World, target: Target, now: float) -> Call:
    others = [each for each in world.targets if each is not target]
    plan = Plan(tuple(Step(each, "fresh") for each in (target, *others)))
    call = Call(plan, _FRESH, health=world.health, budgets=world.budgets, rng=world.chance)
    match call.start(now):
        case [Launch(target=asked)] if asked.label == target.label:
            return call
        case actions:
            raise Broken("a recovered target is used again", f"{target.label} is not asked: {actions}")
