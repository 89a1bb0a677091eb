"""What is remembered of denials is what looking every target up would find."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.domain.failures import Failure, FailureKind
from understudy.policy.cooldowns import Denial
from understudy.policy.denials import KEPT, Denials
from understudy.policy.health import Health, Permit
from understudy.policy.targets import Target
from understudy.policy.verdicts import VERDICTS, Cooldown, Trips

KINDS = (
    *(FailureKind.RATE_LIMITED, FailureKind.SERVER_ERROR, FailureKind.CONNECT, FailureKind.AUTHENTICATION),
    *(FailureKind.NOT_FOUND, FailureKind.DAILY_QUOTA, FailureKind.TLS),
)
TARGETS = tuple(
    Target(
        name=f"entry-{at}",
        model=f"m{at % 2}",
        index=at,
        endpoint=f"host-{at % 3}",
        credential=f"key-{at % 4}",
        credentials=(f"pool-{at}-1", f"pool-{at}-2") if at == 5 else (),
        rate_limit_domain="shared" if at in (1, 2) else "",
    )
    for at in range(8)
)


def something_happens(health: Health, permits: list[Permit], rng: Random, now: float) -> None:
    """Begin, end or fail an attempt, probe, or act as an operator or a free check does."""
    target = rng.choice(TARGETS)
    match rng.randrange(10):
        case 0 | 1 | 2:
            permit = health.acquire(target, now, rng.randrange(3))
            probe = health.probe(target, now, free=rng.random() < 0.2) if isinstance(permit, Denial) else permit
            if probe is not None:
                permits.append(probe)
        case 3 | 4 | 5 if permits:
            permit = permits.pop(rng.randrange(len(permits)))
            chance, verdict = rng.random(), VERDICTS[kind := rng.choice(KINDS)]
            if chance < 0.4:
                hint = rng.choice((None, 0.5, 20.0))
                failure = Failure(kind=kind, message="no", retry_after=hint, status=rng.choice((None, 503)))
                health.failed(permit, failure, verdict.cooldown, now, verdict.trips)
            elif chance < 0.6:
                health.succeeded(permit, now)
            elif chance < 0.7:
                health.begun(permit)
            health.release(permit)
        case 6:
            down = Failure(kind=FailureKind.CONNECT, message="down", sent=False)
            for caller in range(6):
                if isinstance(permit := health.acquire(target, now, caller), Permit):
                    health.failed(permit, down, Cooldown.NOTHING, now, rng.choice((Trips.TARGET, Trips.ENDPOINT)))
                    health.release(permit)
        case 7:
            health.disable(target.name)
        case 8:
            health.enable(target.name, (target,))
        case _:
            rng.choice((health.lift, lambda each: health.lift_refused(each, KINDS)))(target)


@settings(max_examples=250, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 120))
def test_each_target_is_denied_as_if_it_was_looked_up(seed: int, steps: int) -> None:
    rng, now, permits = Random(seed), 100.0, list[Permit]()
    health = Health(Random(seed))
    for _ in range(steps):
        for _ in range(rng.choice((0, 1, 1, 2))):
            something_happens(health, permits, rng, now)
        now += rng.choice((0.0, 0.1, 1.0, 6.0, 40.0, 400.0))
        some = tuple(rng.sample(TARGETS, rng.randrange(len(TARGETS) + 1)))
        latest = now + rng.choice((0.0, 5.0, 599.0))
        for targets in (TARGETS, some):
            found = {each.label: health.denial(each, now) for each in targets}
            assert health.in_cooldown(targets, now) == {label for label, each in found.items() if each is not None}
            back = [each for each in found.values() if each is None or each.until <= latest]
            assert health.back_by(latest, targets, now) == len(back)


def test_nothing_is_looked_up_twice_while_nothing_happens() -> None:
    looked: list[str] = []

    def look_up(target: Target, now: float) -> Denial | None:
        looked.append(target.name)
        return Denial(110.0 + target.index, "no") if target.index < 2 else None

    denials = Denials()
    denied = denials.among(TARGETS, 100.0, look_up)
    assert denied == {"entry-0/m0", "entry-1/m1"}
    assert denials.among(TARGETS, 109.9, look_up) is denied
    assert denials.back_by(110.5, TARGETS[:3], 109.9, look_up) == 2
    assert len(looked) == len(TARGETS)
    denials.among(TARGETS, 110.0, look_up)
    assert len(looked) == 2 * len(TARGETS), "the first is over"
    denials.forget()
    denials.among(TARGETS[:1], 110.0, look_up)
    assert looked[-1] == "entry-0"
    assert len(looked) == 2 * len(TARGETS) + 1


def test_what_happens_while_targets_are_looked_up_is_not_missed() -> None:
    denials, limited = Denials(), set[str]()

    def look_up(target: Target, now: float) -> Denial | None:
        found = Denial(200.0, "no") if target.name in limited else None
        if not limited:  # another thread's request fails just now
            limited.add("entry-0")
            denials.forget()
        return found

    assert denials.among(TARGETS[:2], 100.0, look_up) == set()
    assert denials.among(TARGETS[:2], 100.0, look_up) == {"entry-0/m0"}


def test_names_without_end_are_not_remembered_without_end() -> None:
    denials, looked = Denials(), set[str]()

    def look_up(target: Target, now: float) -> None:
        looked.add(target.label)

    for number in range(KEPT + 2):
        denials.among((Target(name="entry", model=str(number)),), 100.0, look_up)
    assert len(looked) == KEPT + 2
    looked.clear()
    denials.among((Target(name="entry", model="0"),), 100.0, look_up)
    assert looked == {"entry/0"}, "it was forgotten"


@pytest.mark.parametrize("forgotten", ["failed", "disable", "release"])
def test_the_comparison_finds_what_is_not_forgotten(forgotten: str, monkeypatch: pytest.MonkeyPatch) -> None:
    method, forget = getattr(Health, forgotten), Denials.forget

    def careless(self: Health, *given: object) -> None:
        monkeypatch.setattr(Denials, "forget", lambda self: None)
        method(self, *given)
        monkeypatch.setattr(Denials, "forget", forget)

    monkeypatch.setattr(Health, forgotten, careless)
    with pytest.raises(AssertionError):
        test_each_target_is_denied_as_if_it_was_looked_up()
