"""The statuses with which server halves report failures: every kind has one, and a client reads it as that kind."""

from __future__ import annotations

import pytest

from understudy.dialects.classification.statuses import STATUSES
from understudy.dialects.errors import STATUS_OF, kind_of_status, status_of, statuses, worded
from understudy.domain.failures import Failure, FailureKind

K = FailureKind


def test_the_table_is_total() -> None:
    assert STATUS_OF.keys() == set(K)


@pytest.mark.parametrize("kind", sorted({row.kind for row in STATUSES} - {K.UNSUPPORTED, K.REDIRECT, K.PROXY}))
def test_a_kind_that_a_status_means_has_such_a_status(kind: FailureKind) -> None:
    assert kind_of_status(STATUS_OF[kind]) is kind


def test_a_dialect_has_its_own_rows_and_no_status_that_its_api_lacks() -> None:
    table = statuses({K.OVERLOADED: 529, K.DNS: 502}, unknown=(502, 504))
    assert table.keys() == set(K)
    assert (table[K.OVERLOADED], table[K.DNS], table[K.TLS], table[K.STALLED]) == (529, 502, 500, 500)
    assert table[K.NOT_FOUND] == 404


@pytest.mark.parametrize(("own", "status"), [(None, 429), (200, 429), (399, 429), (600, 429), (418, 418), (503, 503)])
def test_a_failure_keeps_the_status_of_an_error(own: int | None, status: int) -> None:
    assert status_of(Failure(kind=K.RATE_LIMITED, message="m", status=own), STATUS_OF) == status


def test_a_message_has_the_words_of_its_kind_once() -> None:
    words = {K.CONTEXT_LENGTH: "prompt is too long"}
    for message in ("300 > 200", "Prompt is too long: 300 > 200"):
        told = worded(Failure(kind=K.CONTEXT_LENGTH, message=message), words)
        assert told.lower() == "prompt is too long: 300 > 200"
    assert worded(Failure(kind=K.BILLING, message="m"), words) == "m"
