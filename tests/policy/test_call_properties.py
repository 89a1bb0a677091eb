"""Properties of `Call` over simulated requests: any failures, any configuration, any chance; a virtual clock."""

from __future__ import annotations

from random import Random

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.domain.failures import Failure, FailureKind
from understudy.policy.budgets import Budgets
from understudy.policy.call import Call
from understudy.policy.health import Health, Permit
from understudy.policy.plan import Plan, Step
from understudy.policy.signals import Abort, Action, Began, Cancelled, Commit, Ended, Failed, Launch, Rules, Settle
from understudy.policy.targets import Limits, Target


class Outcome(msgspec.Struct, frozen=True):
    """What the world does with an attempt: after `took` seconds it wins or fails, perhaps after having begun."""

    took: float
    failure: Failure | None
    began: bool
    answered: bool
    translated: bool


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
)


class Trace:
    """What one simulated request did."""

    def __init__(self) -> None:
        self.launches: list[tuple[float, Launch]] = []
        self.ended: list[int] = []
        self.commits: list[tuple[float, int]] = []
        self.settles: list[tuple[float, Settle]] = []
        self.ended_at = 0.0

    def perform(self, actions: list[Action], now: float) -> Launch | None:
        launch = None
        for action in actions:
            match action:
                case Launch():
                    self.launches.append((now, action))
                    launch = action
                case Commit(attempt):
                    self.commits.append((now, attempt))
                case Abort(attempt):
                    self.ended.append(attempt)
                case Settle():
                    self.settles.append((now, action))
        return launch


def targets(count: int, shared_key: bool) -> tuple[Target, ...]:
    return tuple(
        Target(name=f"t{i}", model="m", index=i, credential="key" if shared_key else f"key{i}", limits=Limits(total=60))
        for i in range(count)
    )


def simulate(call: Call, world: list[Outcome], cancel_at: float | None, start: float = 1000.0) -> Trace:
    trace, now, script = Trace(), start, iter(world)
    launch = trace.perform(call.start(now), now)
    for _ in range(200):
        if call.settled:
            trace.ended_at = now
            return trace
        if launch is None:
            due = call.timer()
            assert due is not None
            assert due >= now
            if cancel_at is not None and due > start + cancel_at:
                now = start + cancel_at
                launch = trace.perform(call.receive(Cancelled(), now), now)
                continue
            now = due
            launch = trace.perform(call.tick(now), now)
            continue
        outcome = next(script, None) or Outcome(1.0, None, True, True, False)
        end = min(now + min(outcome.took, launch.limits.total), call.deadline)
        if cancel_at is not None and end > start + cancel_at:
            now = max(now, start + cancel_at)
            launch = trace.perform(call.receive(Cancelled(), now), now)
            continue
        if outcome.began:
            trace.perform(call.receive(Began(launch.attempt), now), now)
        now = end
        if now >= call.deadline:
            launch = trace.perform(call.tick(now), now)
            continue
        trace.ended.append(launch.attempt)
        if outcome.failure is None:
            actions = call.receive(Ended(launch.attempt), now)
        else:
            signal = Failed(launch.attempt, outcome.failure, outcome.answered, outcome.translated)
            actions = call.receive(signal, now)
        launch = trace.perform(actions, now)
    raise AssertionError("the request never settled")


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
    trace = simulate(call, world, cancel_at)

    assert len(trace.settles) == 1, "exactly one settle"
    assert len(trace.commits) <= 1, "at most one commit"
    numbers = [launch.attempt for _, launch in trace.launches]
    assert numbers == list(range(1, len(numbers) + 1))
    assert sorted(trace.ended) == numbers, "every launch ends exactly once"
    assert len(numbers) <= (rules.max_attempts or max(5, count))
    for at, launch in trace.launches:
        assert at <= call.deadline
        assert not trace.commits or at <= trace.commits[0][0], "no launch after the commit"
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
        assert trace.commits == [(trace.settles[0][0], settle.attempt)] or rules.streamed
    assert set(call.decisions) <= set(numbers)


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
    trace = simulate(call, world, None)
    assert {launch.target.name for _, launch in trace.launches} == {f"t{i}" for i in range(count)}


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 1000), requests=st.integers(50, 300))
def test_retries_stay_within_their_budget_while_everything_fails(seed: int, requests: int) -> None:
    """A dead provider sees at most 1.2 times the offered load, and the minimum rate on top (fault model T14)."""
    health, budgets, rng = Health(), Budgets(), Random(seed)
    plan = Plan((Step(targets(1, shared_key=False)[0], "test"),))
    attempts, now = 0, 1000.0
    for _ in range(requests):
        call = Call(plan, Rules(max_tries=3, retry_delay=0.0), health=health, budgets=budgets, rng=rng)
        failing = [Outcome(0.0, Failure(kind=FailureKind.SERVER_ERROR, message="no"), False, False, False)] * 5
        attempts += len(simulate(call, failing, None, start=now).launches)
        now += 0.01
    assert attempts <= requests * 1.2 + 3 + requests * 0.01 + 1
