"""What holds of every whole answer, whatever its dialect."""

from __future__ import annotations

import json

from tests.contract.answers import answer_of
from tests.contract.driving import drive
from tests.contract.framing import with_unknown_fields
from tests.contract.recordings import Recording
from tests.contract.streams import HELLO
from tests.contract.targets import dialect_of, endpoint_for
from understudy.domain.failures import FailureKind
from understudy.domain.fold import fold
from understudy.domain.operation import Operation


def test_a_later_version_of_the_body_reads_the_same(whole: Recording) -> None:
    dialect, endpoint = dialect_of(whole), endpoint_for(whole)
    later = json.dumps(with_unknown_fields(json.loads(whole.body))).encode()
    one = drive(dialect.open(Operation.CHAT, HELLO, endpoint), whole.head, [whole.body])
    other = drive(dialect.open(Operation.CHAT, HELLO, endpoint), whole.head, [later])
    assert answer_of(fold(other.steps)) == answer_of(fold(one.steps))
    assert (other.failure and other.failure.kind) == (one.failure and one.failure.kind)


def test_a_body_may_come_in_any_pieces(whole: Recording) -> None:
    dialect, endpoint = dialect_of(whole), endpoint_for(whole)
    one = drive(dialect.open(Operation.CHAT, HELLO, endpoint), whole.head, [whole.body])
    pieces = [whole.body[start : start + 7] for start in range(0, len(whole.body), 7)]
    assert drive(dialect.open(Operation.CHAT, HELLO, endpoint), whole.head, pieces).steps == one.steps


def test_a_body_that_is_cut_is_a_failure(whole: Recording) -> None:
    dialect, endpoint = dialect_of(whole), endpoint_for(whole)
    for share in (0.0, 0.3, 0.6, 0.9):
        cut = whole.body[: int(len(whole.body) * share)]
        outcome = drive(dialect.open(Operation.CHAT, HELLO, endpoint), whole.head, [cut])
        assert outcome.failure is not None
        assert outcome.failure.kind in (FailureKind.BAD_RESPONSE, FailureKind.TRUNCATED)
        assert outcome.steps == []


def test_a_byte_order_mark_ahead_of_json_changes_nothing(whole: Recording) -> None:
    dialect, endpoint = dialect_of(whole), endpoint_for(whole)
    one = drive(dialect.open(Operation.CHAT, HELLO, endpoint), whole.head, [whole.body])
    marked = drive(dialect.open(Operation.CHAT, HELLO, endpoint), whole.head, [b"\xef\xbb\xbf" + whole.body])
    # RFC 8259 forbids to write the mark, and lets a reader pass over it.
    assert marked == one
