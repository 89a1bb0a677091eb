"""What is set aside, and for how long."""

from __future__ import annotations

import pytest

from understudy.domain.failures import Failure, FailureKind
from understudy.policy.health import Health, Permit
from understudy.policy.targets import Target
from understudy.policy.verdicts import VERDICTS

TARGET = Target(name="a", model="m")
K = FailureKind


def aside_for(kind: FailureKind, *hints: float | None) -> list[float]:
    """Fail once with each hint, always as soon as the target is back; return for how long it was set aside."""
    health, now, waits = Health(), 1000.0, []
    for hint in hints:
        health.failed(Permit(TARGET, now), Failure(kind=kind, message="", retry_after=hint), VERDICTS[kind].aside, now)
        denial = health.denial(TARGET, now)
        waits.append(denial.until - now if denial else 0.0)
        now = denial.until if denial else now
    return waits


@pytest.mark.parametrize(
    ("kind", "hints", "waits"),
    [
        (K.RATE_LIMITED, (None, None, None), [1.0, 2.0, 4.0]),
        (K.RATE_LIMITED, (7.5, 0.2), [7.5, 0.2]),
        (K.DAILY_QUOTA, (None, None), [3600.0, 3600.0]),
        (K.DAILY_QUOTA, (36_000.0,), [36_000.0]),
        (K.DAILY_QUOTA, (36.0, 36.0, 36.0, 36.0, 36.0, 36.0), [300.0, 600.0, 1200.0, 2400.0, 3600.0, 3600.0]),
        (K.AUTHENTICATION, (1.0, None), [300.0, 600.0]),
        (K.NOT_SIGNED, (None,), [0.0]),
    ],
    ids=["rate", "rate with a hint", "daily", "daily until then", "daily with a hint of seconds", "key", "unsigned"],
)
def test_how_long_it_is_set_aside(kind: FailureKind, hints: tuple[float | None, ...], waits: list[float]) -> None:
    assert aside_for(kind, *hints) == pytest.approx(waits)


def test_attempts_under_way_together_fail_as_one() -> None:
    """Sixty-four callers who meet the same limit at once are one reason to wait, not sixty-four."""
    health = Health()
    crowd = [health.acquire(TARGET, 1000.0) for _ in range(64)]
    for number, permit in enumerate(crowd):
        assert isinstance(permit, Permit)
        health.failed(
            permit, Failure(kind=K.RATE_LIMITED, message=""), VERDICTS[K.RATE_LIMITED].aside, 1000.01 + number / 100
        )
    denial = health.denial(TARGET, 1000.7)
    assert denial is not None
    assert denial.until == pytest.approx(1000.64 + 1.0)
    later = health.acquire(TARGET, 1002.0)
    assert isinstance(later, Permit)
    health.failed(later, Failure(kind=K.RATE_LIMITED, message=""), VERDICTS[K.RATE_LIMITED].aside, 1002.1)
    denial = health.denial(TARGET, 1002.2)
    assert denial is not None
    assert denial.until == pytest.approx(1002.1 + 2.0)
