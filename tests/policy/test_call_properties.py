"""Properties of `Call` over simulated requests: any failures, any configuration, any chance; a virtual clock."""

from __future__ import annotations

import math
from random import Random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.domain.failures import Failure, FailureKind
from understudy.policy.budgets import Budgets
from understudy.policy.call import Call
from understudy.policy.health import Health, Permit
from understudy.policy.plan import Plan, Step
from understudy.policy.signals import (
    Abort,
    Action,
    Beat,
    Began,
    Cancelled,
    Commit,
    Denied,
    Ended,
    Failed,
    Launch,
    Rules,
    Settle,
)
from understudy.policy.targets import Limits, Target


class Outcome(msgspec.Struct, frozen=True):
    """What the world does with an attempt: after `took` seconds it wins or fails, perhaps after having begun."""

    took: float
    failure: Failure | None
    began: bool
    answered: bool
    translated: bool
    denied: bool = False
    full: bool = False
    continuable: bool = False


failures = st.builds(
    Failure,
    kind=st.sampled_from(FailureKind),
    message=st.just("it failed"),
    status=st.sampled_from([None, 200, 400, 429, 500]),
    retry_after=st.none() | st.floats(0.01, 100.0),
    should_retry=st.none() | st.booleans(),
    sent=st.booleans(),
)
outcomes = st.builds(
    Outcome,
    took=st.floats(0.0, 30.0),
    failure=st.one_of(st.none(), failures, failures, failures),
    began=st.booleans(),
    answered=st.booleans(),
    translated=st.booleans(),
    denied=st.sampled_from([False] * 9 + [True]),
    full=st.booleans(),
    continuable=st.booleans(),
)
rules = st.builds(
    Rules,
    max_tries=st.integers(1, 4),
    max_attempts=st.none() | st.integers(1, 8),
    retry_delay=st.floats(0.0, 2.0),
    deadline=st.floats(0.5, 120.0),
    max_wait=st.floats(0.0, 30.0),
    fallback_on_filter=st.booleans(),
    streamed=st.booleans(),
    has_effects=st.booleans(),
    hedge_after=st.none() | st.floats(0.0, 10.0),
    on_midstream_error=st.sampled_from(["surface", "hold", "restart", "continue"]),
    heartbeat=st.none() | st.floats(1.0, 20.0),
)


class Trace:
    """What one simulated request did."""

    def __init__(self) -> None:
        self.launches: list[tuple[float, Launch]] = []
        self.ended: list[int] = []
        self.denied = 0
        self.commits: list[tuple[float, Commit]] = []
        self.order: list[Action | Failed] = []
        """Every action, and every failure."""
        self.settles: list[tuple[float, Settle]] = []
        self.ended_at = 0.0

    def perform(self, actions: list[Action], now: float) -> list[Launch]:
        launches = []
        self.order += actions
        for action in actions:
            match action:
                case Launch():
                    launches.append(action)
                case Commit():
                    self.commits.append((now, action))
                case Abort(attempt):
                    self.ended.append(attempt)
                case Settle():
                    self.settles.append((now, action))
        return launches


def targets(count: int, shared_key: bool) -> tuple[Target, ...]:
    """Return targets of which every second one continues an answer that has begun."""
    return tuple(
        Target(
            name=f"t{i}",
            model="m",
            index=i,
            credential="key" if shared_key else f"key{i}",
            limits=Limits(total=60),
            continues=i % 2 == 1,
        )
        for i in range(count)
    )


DENIED = Failure(kind=FailureKind.UNSUPPORTED, message="over budget", sent=False)


class World:
    """What happens to the attempts of one request, in the order of time."""

    def __init__(self, call: Call, script: list[Outcome], start: float) -> None:
        self.trace = Trace()
        self.now = start
        self._call = call
        self._script = iter(script)
        self._running: dict[int, tuple[float, Outcome]] = {}
        self._silent: dict[int, float] = {}
        """When the attempts that have not begun yet will."""
        self.at_once = 0

    def perform(self, actions: list[Action]) -> None:
        """Perform actions; an attempt may be denied at its launch."""
        for launch in self.trace.perform(actions, self.now):
            outcome = next(self._script, None) or Outcome(1.0, None, True, True, False)
            if outcome.denied:
                self.trace.denied += 1
                self.perform(self._call.receive(Denied(launch.attempt, DENIED), self.now))
                continue
            self.trace.launches.append((self.now, launch))
            took = min(outcome.took, launch.limits.total)
            self._running[launch.attempt] = (min(self.now + took, self._call.deadline), outcome)
            if outcome.began:
                self._silent[launch.attempt] = self.now + took / 2
            self.at_once = max(self.at_once, len(self._running))
        for attempt in self.trace.ended:
            self._running.pop(attempt, None)
            self._silent.pop(attempt, None)

    def step(self, cancel_at: float | None) -> None:
        """Let the next thing happen: the timer, a caller that gives up, content, or an end."""
        call = self._call
        due = call.timer()
        assert due is not None
        assert due >= self.now
        begins = min(self._silent, key=self._silent.__getitem__, default=None)
        ends = min(self._running, key=lambda attempt: self._running[attempt][0], default=None)
        times = {
            "tick": due,
            "begin": self._silent[begins] if begins is not None else math.inf,
            "end": self._running[ends][0] if ends is not None else math.inf,
            "cancel": math.inf if cancel_at is None else cancel_at,
        }
        what = min(times, key=times.__getitem__)
        self.now = max(self.now, times[what])
        if what == "tick":
            self.perform(call.tick(self.now))
        elif what == "cancel":
            self.perform(call.receive(Cancelled(), self.now))
        elif what == "begin" and begins is not None:
            del self._silent[begins]
            self.perform(call.receive(Began(begins, self._running[begins][1].full), self.now))
        elif ends is not None:
            outcome = self._running.pop(ends)[1]
            self._silent.pop(ends, None)
            self.trace.ended.append(ends)
            signal = (
                Ended(ends)
                if outcome.failure is None
                else Failed(ends, outcome.failure, outcome.answered, outcome.translated, outcome.continuable)
            )
            if isinstance(signal, Failed):
                self.trace.order.append(signal)
            self.perform(call.receive(signal, self.now))


def simulate(
    call: Call, script: list[Outcome], cancel_at: float | None = None, start: float = 1000.0, most_at_once: int = 1
) -> Trace:
    world = World(call, script, start)
    world.perform(call.start(start))
    for _ in range(300):
        if call.settled:
            world.trace.ended_at = world.now
            assert world.at_once <= most_at_once
            return world.trace
        world.step(None if cancel_at is None else start + cancel_at)
    raise AssertionError("the request never settled")


def check_commits(trace: Trace, rules: Rules) -> None:
    """Check that nothing replaces what a caller was shown unless the rules say so, and then in the open."""
    shown: int | None = None
    broken: Failed | None = None
    for event in trace.order:
        match event:
            case Commit(attempt, replaces):
                assert shown is None, "at most one commit, unless the attempt before it broke"
                assert replaces == (broken.attempt if broken else None), "a commit names what it replaces"
                shown, broken = attempt, None
            case Launch():
                assert shown is None, "no launch after the commit"
                assert event.continues == (broken is not None and rules.on_midstream_error == "continue")
                assert not event.continues or event.target.continues, "only a declared target continues"
            case Failed(attempt) if attempt == shown:
                shown, broken = None, event
            case Beat():
                assert shown is None, "signs of life end with the commit"
                assert rules.streamed
                assert rules.on_midstream_error == "hold"
            case Settle(failure=failure) if broken is not None:
                assert rules.on_midstream_error in ("restart", "continue") or failure == broken.failure
                last = failure is not None and failure.kind in (FailureKind.DEADLINE, FailureKind.CANCELLED)
                assert last or failure == broken.failure, "the caller gets the error of what was shown"
    if rules.on_midstream_error in ("surface", "hold") or not rules.streamed or rules.has_effects:
        assert len(trace.commits) <= 1, "at most one commit"


@settings(max_examples=400, deadline=None)
@given(
    count=st.integers(0, 5),
    shared_key=st.booleans(),
    rules=rules,
    world=st.lists(outcomes, max_size=12),
    seed=st.integers(0, 1000),
    cancel_at=st.none() | st.floats(0.0, 60.0),
    earlier=st.lists(st.tuples(st.integers(0, 4), failures), max_size=3),
)
def test_a_call_keeps_its_promises(
    count: int,
    shared_key: bool,
    rules: Rules,
    world: list[Outcome],
    seed: int,
    cancel_at: float | None,
    earlier: list[tuple[int, Failure]],
) -> None:
    health, budgets = Health(), Budgets()
    all_targets = targets(count, shared_key)
    for index, failure in earlier:
        if index < count:
            from understudy.policy.verdicts import VERDICTS

            health.failed(Permit(all_targets[index], 1000.0), failure, VERDICTS[failure.kind].cooldown, 1000.0)
    plan = Plan(tuple(Step(target, "test") for target in all_targets))
    call = Call(plan, rules, health=health, budgets=budgets, rng=Random(seed))
    trace = simulate(call, world, cancel_at, most_at_once=1 if rules.hedge_after is None else 2)

    assert len(trace.settles) == 1, "exactly one settle"
    check_commits(trace, rules)
    numbers = [launch.attempt for _, launch in trace.launches]
    assert numbers == list(range(1, len(numbers) + 1)), "a denied launch leaves no gap"
    assert sorted(trace.ended) == numbers, "every launch ends exactly once"
    assert len(numbers) <= (rules.max_attempts or max(5, count))
    for at, launch in trace.launches:
        assert at <= call.deadline
        assert at + launch.limits.total <= call.deadline + 1e-9, "no attempt may outlive the deadline"
    tries: dict[str, int] = {}
    for _, launch in trace.launches:
        tries[launch.target.name] = tries.get(launch.target.name, 0) + 1
    beyond = sum(max(0, n - rules.max_tries) for n in tries.values())
    assert beyond <= 1, "one attempt of a request may be repeated at once, beside its tries"
    assert all(health.facts(target, trace.ended_at).in_flight == 0 for target in all_targets), "all permits returned"
    assert call.timer() is None
    settle = trace.settles[0][1]
    if settle.failure is None:
        assert trace.commits[-1][1].attempt == settle.attempt
        assert rules.streamed or trace.commits[0][0] == trace.settles[0][0]
    assert set(call.decisions) <= set(numbers)
    assert call.running == {}


@settings(max_examples=150, deadline=None)
@given(
    count=st.integers(1, 6),
    kinds=st.lists(
        st.sampled_from(
            [FailureKind.SERVER_ERROR, FailureKind.OVERLOADED, FailureKind.CONNECT, FailureKind.TRUNCATED,
             FailureKind.AUTHENTICATION, FailureKind.RATE_LIMITED, FailureKind.EMPTY, FailureKind.NOT_FOUND]
        ),
        min_size=40,
        max_size=40,
    ),
    max_tries=st.integers(1, 6),
    seed=st.integers(0, 100),
)  # fmt: skip
def test_the_last_understudy_is_never_starved(count: int, kinds: list[FailureKind], max_tries: int, seed: int) -> None:
    """Whatever fails ahead of it, every target of the plan gets at least one attempt."""
    rules = Rules(max_tries=max_tries, retry_delay=0.01, deadline=600)
    plan = Plan(tuple(Step(target, "test") for target in targets(count, shared_key=False)))
    call = Call(plan, rules, health=Health(), budgets=Budgets(), rng=Random(seed))
    world = [Outcome(0.01, Failure(kind=kind, message="no"), False, False, False) for kind in kinds]
    trace = simulate(call, world)
    assert {launch.target.name for _, launch in trace.launches} == {f"t{i}" for i in range(count)}


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1000), requests=st.integers(50, 300))
def test_retries_stay_within_their_budget_while_everything_fails(seed: int, requests: int) -> None:
    """A dead provider sees at most 1.2 times the offered load, and the minimum rate on top."""
    health, budgets, rng = Health(), Budgets(), Random(seed)
    plan = Plan((Step(targets(1, shared_key=False)[0], "test"),))
    attempts, now = 0, 1000.0
    for _ in range(requests):
        call = Call(plan, Rules(max_tries=3, retry_delay=0.0), health=health, budgets=budgets, rng=rng)
        failing = [Outcome(0.0, Failure(kind=FailureKind.SERVER_ERROR, message="no"), False, False, False)] * 5
        attempts += len(simulate(call, failing, start=now).launches)
        now += 0.01
    assert attempts <= requests * 1.2 + 3 + requests * 0.01 + 1
