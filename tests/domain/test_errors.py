"""The errors that users catch: every kind of failure becomes one, and each says what happened."""

from __future__ import annotations

import pickle

import msgspec
import pytest

from understudy.domain import errors
from understudy.domain.attempts import AttemptRecord, Outcome
from understudy.domain.errors import (
    ERRORS,
    ConfigError,
    DeadlineExceeded,
    GenerationFailed,
    LLMError,
    Misuse,
    RateLimited,
    Refused,
    Unavailable,
    Unsupported,
    error_of,
    failure_of,
)
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.operation import Operation


def leaves() -> list[type[LLMError]]:
    found = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, LLMError)]
    return [error for error in found if error not in (LLMError, Misuse, Refused, Unavailable)]


def record(retry_after: float | None, provider: str = "p", model: str = "m") -> AttemptRecord:
    failure = Failure(kind=FailureKind.RATE_LIMITED, message="slow down", retry_after=retry_after)
    return AttemptRecord(
        request_id="r", attempt_id="a", number=1, provider=provider, provider_type="openai", model=model,
        operation=Operation.CHAT, outcome=Outcome.FAILED, started=0.0, duration=0.25, failure=failure,
        next_step="fall back to q",
    )  # fmt: skip


def test_the_table_is_total_over_the_kinds() -> None:
    assert set(ERRORS) == set(FailureKind)


@pytest.mark.parametrize("kind", list(FailureKind))
def test_every_kind_becomes_an_error_that_one_of_the_three_catches(kind: FailureKind) -> None:
    failure = Failure(kind=kind, message="what happened")
    error = error_of(failure, attempts=(record(None),))
    assert isinstance(error, Misuse | Refused | Unavailable)
    assert (str(error), error.message, error.failure, len(error.attempts)) == (
        "what happened",
        "what happened",
        failure,
        1,
    )


@pytest.mark.parametrize("leaf", leaves())
def test_every_leaf_is_under_exactly_one_of_the_three(leaf: type[LLMError]) -> None:
    assert sum(issubclass(leaf, branch) for branch in (Misuse, Refused, Unavailable)) == 1
    assert leaf.__doc__


def test_the_tree_in_the_documentation_is_the_tree() -> None:
    assert errors.__doc__ is not None
    branches: list[type[LLMError]] = [LLMError, Misuse, Refused, Unavailable]
    for error in branches + leaves():
        assert error.__name__ in errors.__doc__


def test_the_shortest_hint_over_all_targets_counts() -> None:
    last = Failure(kind=FailureKind.RATE_LIMITED, message="m", retry_after=9.0)
    assert error_of(last, attempts=(record(30.0, "p"), record(None, "q"), record(4.0, "r"))).retry_after == 4.0
    assert error_of(last, attempts=(record(30.0, "p"), record(20.0, "q"))).retry_after == 9.0
    assert error_of(last).retry_after == 9.0
    assert LLMError("m").retry_after is None


def test_of_each_target_the_latest_failure_counts() -> None:
    """A second's wait that was served and followed by an hour's is an hour's."""
    last = Failure(kind=FailureKind.RATE_LIMITED, message="m", retry_after=3600.0)
    assert error_of(last, attempts=(record(1.0), record(3600.0))).retry_after == 3600.0
    assert (
        error_of(Failure(kind=FailureKind.EMPTY, message="m"), attempts=(record(1.0), record(None))).retry_after is None
    )
    won = msgspec.structs.replace(record(None, "q"), failure=None)
    assert error_of(last, attempts=(record(1.0), won, record(50.0, "q", "other"), record(40.0))).retry_after == 40.0


def test_errors_survive_a_process_boundary() -> None:
    error = error_of(Failure(kind=FailureKind.RATE_LIMITED, message="m", retry_after=2.0), attempts=(record(3.0),))
    copied = pickle.loads(pickle.dumps(error))
    assert type(copied) is RateLimited
    assert (str(copied), copied.failure, copied.attempts) == (str(error), error.failure, error.attempts)


def test_an_attempt_reads_as_a_line() -> None:
    assert str(record(None)) == "1. p/m rate_limited: slow down (0.25 s) → fall back to q"


def test_a_server_reports_the_last_failure_in_the_words_of_the_error() -> None:
    last = Failure(kind=FailureKind.RATE_LIMITED, message="slow down", status=429, retry_after=9.0)
    error = GenerationFailed("all 2 attempts failed", failure=last, attempts=(record(4.0, "q"),))
    reported = failure_of(error)
    assert (reported.kind, reported.status, reported.message) == (last.kind, 429, "all 2 attempts failed")
    assert reported.retry_after == error.retry_after == 4.0


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (ConfigError("m"), FailureKind.INVALID_REQUEST),
        (Unsupported("m"), FailureKind.UNSUPPORTED),
        (Refused("m"), FailureKind.INVALID_REQUEST),
        (DeadlineExceeded("m"), FailureKind.DEADLINE),
        (GenerationFailed("m"), FailureKind.OVERLOADED),
        (LLMError("m"), FailureKind.LOCAL),
    ],
)
def test_an_error_without_an_attempt_is_reported_too(error: LLMError, kind: FailureKind) -> None:
    assert failure_of(error) == Failure(kind=kind, message="m")
