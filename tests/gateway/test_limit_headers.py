"""A limit of the gateway's own, in the headers of each wire format."""

from __future__ import annotations

import pytest

from understudy.domain.failures import Failure, FailureKind, LimitState
from understudy.gateway.limit_headers import duration, limit_headers

STATE = LimitState(unit="tokens", limit=1_000, remaining=20, resets_in=30.2)
FAILURE = Failure(kind=FailureKind.RATE_LIMITED, message="no", limit=STATE)


def test_each_dialect_has_its_own() -> None:
    assert limit_headers(FAILURE, "openai", 0.0) == (
        ("x-ratelimit-limit-tokens", "1000"),
        ("x-ratelimit-remaining-tokens", "20"),
        ("x-ratelimit-reset-tokens", "31s"),
    )
    assert limit_headers(FAILURE, "anthropic", 0.0) == (
        ("anthropic-ratelimit-tokens-limit", "1000"),
        ("anthropic-ratelimit-tokens-remaining", "20"),
        ("anthropic-ratelimit-tokens-reset", "1970-01-01T00:00:31Z"),
    )
    assert limit_headers(FAILURE, "gemini", 0.0) == ()
    assert limit_headers(Failure(kind=FailureKind.RATE_LIMITED, message="a provider's"), "openai", 0.0) == ()


@pytest.mark.parametrize(("seconds", "words"), [(6, "6s"), (360, "6m0s"), (3_600, "1h0m0s"), (0.2, "1s")])
def test_durations_are_written_as_openai_does(seconds: float, words: str) -> None:
    assert duration(seconds) == words
