"""Requests decided twice: by a `Call` from the start, and by a `FirstAttempt` for as long as that decides.

Several requests share targets, health and budgets, and overlap at random. Whatever happens to them, both must return
the same actions, and leave the same memory behind.

python -m tests.policy.side_by_side [COUNT]
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from understudy.domain.failures import Failure, FailureKind
from understudy.policy.budgets import Budgets
from understudy.policy.call import Call
from understudy.policy.first_attempt import FirstAttempt
from understudy.policy.health import Health
from understudy.policy.plan import Plan, Step
from understudy.policy.signals import Action, Began, Cancelled, Denied, Ended, Failed, Launch, Rules, Signal
from understudy.policy.targets import Limits, Target

KINDS = tuple(FailureKind)
MOVES = 40
"""Of one scenario."""
LOOK = 13
"""Moves after which the memories are compared; the last one is among them."""


class Side:
    """One way to decide, with a memory and a chance of its own."""

    def __init__(self, seed: int, *, short: bool) -> None:
        self.health, self.budgets, self.rng = Health(Random(seed)), Budgets(), Random(seed)
        self.short = short
        self.machines: list[Call | FirstAttempt] = []

    def begin(self, plan: Plan, rules: Rules, now: float) -> list[Action]:
        """Begin a request."""
        make: Callable[..., Call | FirstAttempt] = FirstAttempt if self.short else Call
        machine = make(plan, rules, health=self.health, budgets=self.budgets, rng=self.rng)
        self.machines.append(machine)
        actions = machine.start(now)
        return self.general(-1).start(now) if actions is None else actions

    def receive(self, number: int, signal: Signal, now: float) -> list[Action]:
        """Report what happened to a request."""
        actions = self.machines[number].receive(signal, now)
        return self.general(number).receive(signal, now) if actions is None else actions

    def general(self, number: int) -> Call:
        """Return the call that goes on."""
        machine = self.machines[number]
        if isinstance(machine, FirstAttempt):
            machine = self.machines[number] = machine.call()
        return machine

    def memory(self) -> Any:
        """Return all that is remembered between requests, and where chance stands."""
        callers = {
            (each.permit.caller if each.permit else 0) if isinstance(each, FirstAttempt) else each._picker.caller: at
            for at, each in enumerate(self.machines)
        }
        return plain(self.health, callers), plain(self.budgets, callers), self.rng.getstate()


def plain(value: Any, callers: Mapping[int, int]) -> Any:
    """Return an object as plain values; callers by the order in which they came, for their numbers may have gaps."""
    if isinstance(value, Random):
        return value.getstate()
    if isinstance(value, Mapping):
        return [(plain(key, callers), plain(each, callers)) for key, each in value.items()]
    if isinstance(value, (str, bytes, int, float, type(None))):
        return value
    if hasattr(value, "__iter__"):
        return [plain(each, callers) for each in value]
    found: dict[str, Any] = dict(vars(value)) if hasattr(value, "__dict__") else {}
    names = [*getattr(value, "__struct_fields__", ()), *getattr(type(value), "__slots__", ())]
    found |= {name: getattr(value, name) for name in names if hasattr(value, name)}
    for name in ("_callers", "_denials"):  # what is remembered of denials follows from the rest
        found.pop(name, None)
    for name in ("_caller", "caller"):
        if name in found:
            found[name] = callers.get(found[name], -1)
    return type(value).__name__, [(name, plain(found[name], callers)) for name in sorted(found)]


def _rules(rng: Random) -> Rules:
    return Rules(
        max_tries=rng.choice((1, 2, 3)),
        max_attempts=rng.choice((None, 1, 2, 4)),
        retry_delay=rng.choice((0.0, 0.5)),
        deadline=rng.choice((0.5, 5.0, 600.0)),
        spent=rng.choice((0.0, 0.0, 0.3)),
        max_wait=rng.choice((0.0, 20.0)),
        streamed=rng.random() < 0.5,
        on_midstream_error=rng.choice(("surface", "surface", "hold", "restart", "continue")),
        heartbeat=rng.choice((None, None, 2.0)),
        free=rng.random() < 0.1,
        has_effects=rng.random() < 0.1,
        hedge_after=rng.choice((None, None, None, 0.5)),
    )


def _targets(rng: Random) -> list[Target]:
    return [
        Target(
            name=f"t{at}",
            model="m",
            index=at,
            endpoint=f"host-{rng.randrange(2)}",
            credential=f"key-{rng.randrange(3)}",
            credentials=(f"k{at}-1", f"k{at}-2") if rng.random() < 0.2 else (),
            limits=Limits(total=rng.choice((1.0, 60.0, 600.0))),
            continues=rng.random() < 0.5,
        )
        for at in range(4)
    ]


def _signal(rng: Random, attempt: int) -> Signal:
    failure = Failure(
        kind=rng.choice(KINDS),
        message="no",
        status=rng.choice((None, 200, 400, 429, 500)),
        retry_after=rng.choice((None, None, 0.2, 30.0)),
        sent=rng.random() < 0.8,
    )
    chance = rng.random()
    if chance < 0.4:
        return Ended(attempt)
    if chance < 0.6:
        return Began(attempt, full=rng.random() < 0.3)
    if chance < 0.65:
        return Denied(attempt, failure, final=rng.random() < 0.5)
    if chance < 0.7:
        return Cancelled()
    flags = [rng.random() < 0.5 for _ in range(3)]
    return Failed(attempt, failure, *flags)


def compare(seed: int) -> int:
    """Play one scenario on both sides; return how many requests began short. Raises `AssertionError`."""
    rng, now, begun_short = Random(seed), 1000.0, 0
    sides = Side(seed, short=False), Side(seed, short=True)
    targets = _targets(rng)
    running: list[set[int]] = []
    """By request, the attempts that are under way."""

    def note(number: int, both: list[list[Action]]) -> None:
        assert both[0] == both[1], f"seed {seed}: {both[0]} or {both[1]}"
        running[number].update(action.attempt for action in both[0] if isinstance(action, Launch))

    for move in range(MOVES):
        now += rng.choice((0.0, 0.01, 0.4, 3.0, 31.0))
        live = [at for at, each in enumerate(sides[0].machines) if not each.settled]
        if not live or rng.random() < 0.3:
            steps = tuple(Step(each, "test") for each in rng.sample(targets, rng.randrange(4)))
            rules = _rules(rng)
            running.append(set())
            note(-1, [each.begin(Plan(steps), rules, now) for each in sides])
            begun_short += isinstance(sides[1].machines[-1], FirstAttempt)
        else:
            number = rng.choice(live)
            if running[number] and rng.random() < 0.8:
                attempt = rng.choice(sorted(running[number]))
                signal = _signal(rng, attempt)
                if not isinstance(signal, Began):
                    running[number].discard(attempt)
                note(number, [each.receive(number, signal, now) for each in sides])
            else:
                due = {each.general(number).timer() for each in sides}
                assert len(due) == 1, f"seed {seed}: the timers are {due}"
                now = max(now, due.pop() or now)
                note(number, [each.general(number).tick(now) for each in sides])
        pairs = [(one.settled, dict(one.decisions), dict(one.denials)) for one in sides[0].machines]
        assert pairs == [(one.settled, dict(one.decisions), dict(one.denials)) for one in sides[1].machines]
        if not move % LOOK:
            assert sides[0].memory() == sides[1].memory(), f"seed {seed}: the memories differ"
    return begun_short


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    short = sum(map(compare, range(count)))
    sys.stdout.write(f"{count} scenarios of {MOVES} moves agree; {short} requests began short\n")


if __name__ == "__main__":
    main()
