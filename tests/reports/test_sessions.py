"""Sessions: who answered them, when that changed and why, and where an agent went on by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.ledger.made import NOON, ended, start
from understudy.domain.attempts import AttemptRecord, Outcome
from understudy.domain.failures import Failure, FailureKind
from understudy.ledger.sqlite.reading import LedgerReader
from understudy.ledger.sqlite.store import SqliteLedger
from understudy.reports import sessions
from understudy.reports.sessions import list_sessions, report_session

SLOW = Failure(kind=FailureKind.TIMEOUT_HEADERS, message="no answer after 60 s")


def attempt(number: int, at: float, model: str = "big", **fields: Any) -> AttemptRecord:
    """Return an attempt of the session `s`, which takes 1.5 s."""
    own = {name: fields.pop(name) for name in ("request", "session", "labels", "why") if name in fields}
    place = {"session": "s", "labels": {"key": "k", "client": "codex", "request_class": "main"}, **own}
    return ended(start(number, started=NOON + at, model=model, **place), fields.pop("outcome", Outcome.WON), **fields)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[LedgerReader]:
    """One session of an agent: a loop of four, a pause, a change of the target, and a subagent beside it."""
    path = tmp_path / "ledger.db"
    ledger = SqliteLedger(path, reserve_bytes=0)
    for number, at in enumerate((0, 2, 10, 21)):  # the last begins 9.5 s after the answer before it
        ledger.record(attempt(number + 1, at))
    ledger.record(attempt(10, 32.6, request=10, outcome=Outcome.FAILED, failure=SLOW))  # 10.1 s after it
    ledger.record(attempt(11, 35, "small", request_id=attempt(10, 32.6, request=10).request_id, why="priority 2"))
    ledger.record(attempt(12, 37, why="priority 1"))
    ledger.record(attempt(13, 3, "tiny", labels={"request_class": "subagent"}))
    ledger.record(attempt(14, 100, session="other"))
    ledger.record(attempt(15, 200, session=None))
    ledger.close()
    with LedgerReader(path) as opened:
        yield opened


def test_a_session_is_summed_up(reader: LedgerReader) -> None:
    other, found = list_sessions(reader).sessions
    assert (other.session, found.session) == ("other", "s")
    assert (found.agent, found.key) == ("codex", "k")
    assert (found.first, found.last) == (NOON, NOON + 37)
    assert (found.requests, found.attempts, found.failed) == (7, 8, 1)
    assert found.cost_usd == "0.000009872", "eight attempts of 1,234 nano-dollars"
    assert (found.input_tokens, found.cached_tokens, found.output_tokens) == (960, 160, 240)


def test_targets_and_their_changes_are_counted_by_class(reader: LedgerReader) -> None:
    found = list_sessions(reader).sessions[1]
    assert found.targets == ("primary/big", "primary/tiny", "primary/small")
    assert found.target_changes == 2, "to another one and back; the subagent has a model of its own"


def test_a_loop_is_what_goes_on_without_a_pause(reader: LedgerReader) -> None:
    found = list_sessions(reader).sessions[1]
    assert (found.loops, found.longest_loop) == (1, 4)


def test_a_change_has_its_reason(reader: LedgerReader) -> None:
    found = report_session(reader, "s")
    assert found is not None
    back, away = found.changes
    assert (away.before, away.after, away.at) == ("primary/big", "primary/small", NOON + 35)
    assert away.why == "timeout_headers: no answer after 60 s"
    assert (back.before, back.after, back.why) == ("primary/small", "primary/big", "priority 1")
    assert found.by_class == {"main": 6, "subagent": 1}
    assert [each.started for each in found.requests[:2]] == [NOON + 37, NOON + 32.6]


def test_an_unknown_session_is_none(reader: LedgerReader) -> None:
    assert report_session(reader, "unknown") is None


def test_the_newest_answers_of_a_long_session_are_looked_at(
    reader: LedgerReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions, "OF_A_PAGE", 6)  # three of each of the two
    found = list_sessions(reader).sessions[1]
    assert found.is_recent
    assert found.targets == ("primary/big", "primary/small")
    whole = report_session(reader, "s")
    assert whole is not None
    assert not whole.session.is_recent
    monkeypatch.setattr(sessions, "ANSWERS", 3)
    part = report_session(reader, "s")
    assert part is not None
    assert part.session == found
    assert found.attempts == 8, "sums are those of the whole session"
