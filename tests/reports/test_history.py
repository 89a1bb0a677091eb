"""Histories of targets: windows, slices, shares and quantiles, from minutes of processes and from a ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.ledger.made import NOON, ended, start
from understudy.domain.attempts import CostBasis, Outcome
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.quantiles import Sketch
from understudy.ledger.sqlite.reading import LedgerReader
from understudy.ledger.sqlite.store import SqliteLedger
from understudy.reports import history
from understudy.reports.history import ProviderHistory, history_of_ledger, history_of_minutes
from understudy.telemetry.snapshot import Minute, Tally, TargetState, Transition

HOUR = 3_600.0
LIMITED = Failure(kind=FailureKind.RATE_LIMITED, message="slow down")
FILTERED = Failure(kind=FailureKind.CONTENT_FILTER, message="no")


def minute(at: int, entry: str = "main", model: str | None = "m", **fields: Any) -> Minute:
    return Minute(start=int(NOON) + at, entry=entry, model=model, tally=Tally(**fields))


def test_windows_have_the_minute_under_way_and_those_before() -> None:
    minutes = [minute(0, succeeded=1), minute(-60, succeeded=2), minute(-120, succeeded=4), minute(-3_480, succeeded=8)]
    found = history_of_minutes(minutes, now=NOON + 30, seconds=HOUR)
    (target,) = found.targets
    assert [(each.seconds, each.succeeded) for each in target.windows] == [(60, 3), (300, 7), (900, 7), (HOUR, 15)]
    assert (found.source, found.is_complete, found.step) == ("fleet", True, 60)
    assert len(target.slices) == 60
    assert [each.succeeded for each in target.slices[-3:]] == [4, 2, 1]
    assert target.slices[-1].since == NOON


def test_what_is_outside_the_span_is_left_out() -> None:
    minutes = [minute(-7_200, succeeded=1), minute(120, succeeded=1), minute(0, "other", None, succeeded=5)]
    found = history_of_minutes(minutes, now=NOON + 30, seconds=HOUR)
    assert [(each.provider, each.model) for each in found.targets] == [("other", None)]


def test_up_is_judged_by_what_the_provider_did() -> None:
    failed = {"server_error": 1, "rate_limited": 2, "content_filter": 50, "invalid_request": 50}
    found = history_of_minutes([minute(0, succeeded=7, failed=failed, aborted=30)], now=NOON, seconds=HOUR)
    whole = found.targets[0].windows[-1]
    assert whole.up == 0.7, "seven of ten: the request was at fault in a hundred, and the caller left thirty"
    assert (whole.failed, whole.aborted) == (103, 30)
    assert [*whole.failures] == ["content_filter", "invalid_request", "rate_limited", "server_error"]
    empty = history_of_minutes([minute(0, aborted=1)], now=NOON, seconds=HOUR).targets[0].windows[-1]
    assert (empty.up, empty.latency_p50, empty.first_p95) == (None, None, None)


def test_a_day_has_quarters_of_an_hour() -> None:
    found = history_of_minutes([minute(0, succeeded=1)], now=NOON)
    assert (found.step, len(found.targets[0].slices)) == (900, 96)
    assert found.since == NOON + 60 - 86_400


def test_quantiles_are_within_two_percent() -> None:
    sketch = Sketch()
    for number in range(1, 101):
        sketch.add(number / 10)
    found = history_of_minutes([minute(0, succeeded=100, latency=sketch.snapshot())], now=NOON, seconds=HOUR)
    whole = found.targets[0].windows[-1]
    assert whole.latency_p50 == pytest.approx(5.0, rel=0.02)
    assert whole.latency_p95 == pytest.approx(9.5, rel=0.02)


def test_changes_of_state_are_with_their_target() -> None:
    states = (
        (-90_000, TargetState.OPEN),
        (-50, TargetState.OPEN),
        (-20, TargetState.HALF_OPEN),
        (-19, TargetState.CLOSED),
    )
    changes = [
        Transition(at=NOON + at, entry="main", model="m", state=state, why="HTTP 503", worker="w1")
        for at, state in states
    ]
    changes.append(Transition(at=NOON, entry="quiet", state=TargetState.DISABLED, worker="w2"))
    found = history_of_minutes([minute(0, succeeded=1)], changes, now=NOON)
    main, quiet = found.targets
    assert [each.state for each in main.changes] == ["closed", "half_open", "open"], "the newest first, of this day"
    assert (main.changes[0].at, main.changes[0].why, main.changes[0].worker) == (NOON - 19, "HTTP 503", "w1")
    assert (quiet.provider, quiet.windows[-1].succeeded, len(quiet.changes)) == ("quiet", 0, 1)


def of_ledger(path: Path) -> ProviderHistory:
    with LedgerReader(path) as reader:
        return history_of_ledger(reader, now=NOON + 30, seconds=HOUR)


def test_a_ledger_tells_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ledger.db"
    ledger = SqliteLedger(path, reserve_bytes=0)
    ledger.record(ended(start(1, started=NOON - 59), duration=58.0))
    ledger.record(ended(start(2, started=NOON - 59), duration=60.0, streamed=True, first_event=0.5))
    failed = {"cost": None, "cost_basis": CostBasis.UNKNOWN}
    ledger.record(ended(start(3, started=NOON), Outcome.FAILED, failure=LIMITED, **failed))
    ledger.record(
        ended(start(4, started=NOON), Outcome.FAILED, failure=FILTERED, cost=None, cost_basis=CostBasis.REFUSED)
    )
    ledger.record(ended(start(5, started=NOON), Outcome.ABORTED))
    ledger.begin(start(6, started=NOON + 1))
    ledger.close()
    found = of_ledger(path)
    (target,) = found.targets
    assert (found.source, found.is_complete) == ("ledger", True)
    before, last = target.slices[-2:]
    assert (before.succeeded, before.failed) == (1, 0)
    assert (last.succeeded, last.failures, last.aborted) == (1, {"content_filter": 1, "rate_limited": 1}, 1)
    assert (last.up, last.latency_p50, last.first_p50) == (0.5, 60.0, 0.5)
    assert (last.cost_usd, last.unknown_costs) == ("0.000002468", 1)
    monkeypatch.setattr(history, "READ", 2)
    partial = of_ledger(path)
    assert not partial.is_complete
    assert partial.since == NOON, "so far it was read"
