"""UsageSums that are kept by day, sums of entries, and sums made here by hand are the same."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ledger.made import NOON, ended, records, start
from understudy.domain.attempts import AttemptRecord, CostBasis, Outcome
from understudy.domain.usage import Usage
from understudy.ledger.selection import By, LedgerSelection, parse_time
from understudy.ledger.sqlite.reading import LedgerReader
from understudy.ledger.sqlite.store import SqliteLedger
from understudy.ledger.sums import UsageSums

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


def values_of(by: str, record: AttemptRecord) -> list[str]:
    """Return what a record counts for: the oracle, in the plainest words."""
    labels = record.labels
    match by:
        case "day":
            return [datetime.fromtimestamp(record.started, UTC).date().isoformat()]
        case "key":
            return [labels["key"]] if "key" in labels else []
        case "agent":
            return [labels["client"]] if "client" in labels else []
        case "tag":
            return [f"{name}={value}" for name, value in labels.items() if name not in ("key", "client")]
        case _:
            value = getattr(record, by)
            return [] if value is None else [value]


def expected(by: str, chosen: list[AttemptRecord], first: set[str]) -> dict[str, tuple[int, ...]]:
    """Return requests, attempts, won, lost, tokens in and out, money, and what is not known."""
    sums: dict[str, list[int]] = defaultdict(lambda: [0] * 8)
    for record in chosen:
        usage, cost = record.usage, record.cost
        parts = (usage.input, usage.cache_read, usage.cache_write, usage.audio_input)
        free = record.cost_basis in (CostBasis.NOT_SENT, CostBasis.REFUSED)
        added = (
            record.attempt_id in first,
            1,
            record.outcome is Outcome.WON,
            record.outcome is not Outcome.WON,
            sum(part or 0 for part in parts),
            (usage.output or 0) + (usage.reasoning or 0),
            cost.amount.nano_usd if cost else 0,
            cost is None and not free,
        )
        for value in values_of(by, record):
            sums[value] = [a + b for a, b in zip(sums[value], added, strict=True)]
    return {value: tuple(total) for value, total in sums.items()}


def shown(found: dict[str, UsageSums]) -> dict[str, tuple[int, ...]]:
    return {
        value: (
            *(each.requests, each.attempts, each.succeeded, each.failed + each.aborted),
            *(each.input, each.output, each.cost, each.unpriced),
        )
        for value, each in found.items()
    }


spans = st.none() | st.integers(-250_000, 250_000).map(lambda each: NOON + each)


@settings(max_examples=30)
@given(
    st.lists(records, max_size=12, unique_by=lambda each: each.attempt_id),
    spans,
    spans,
    st.sampled_from([{}, {"provider": "backup"}, {"key": "a"}, {"tag": "team=b=c"}, {"session": "s1"}]),
)
def test_sums_are_those_of_the_entries(
    given_: list[AttemptRecord], since: float | None, until: float | None, filters: dict[str, str]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        ledger = SqliteLedger(Path(folder, "ledger.db"))
        for record in given_:
            ledger.record(record)
        ledger.close()
        first: dict[str, str] = {}
        for record in given_:
            first.setdefault(record.request_id, record.attempt_id)
        chosen = [
            record
            for record in given_
            if (since is None or record.started >= since)
            and (until is None or record.started < until)
            and all(value in values_of(name, record) for name, value in filters.items())
        ]
        selection = LedgerSelection(since=since, until=until, **filters)
        with LedgerReader(ledger.path) as reader:
            for by in get_args(By):
                assert shown(reader.usage(by, selection)) == expected(by, chosen, set(first.values())), by
            assert [entry.record for entry in reader.entries(selection)] == sorted(
                chosen, key=lambda each: each.attempt_id, reverse=True
            )


def test_pages_go_on_where_the_last_one_ended(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.db")
    made = [ended(start(seed, started=NOON + seed)) for seed in range(1, 26)]
    for record in made:
        ledger.record(record)
    ledger.close()
    with LedgerReader(ledger.path) as reader:
        found, last = [], None
        for _ in range(4):
            page = reader.entries(limit=7, before=last)
            found += page
            last = page[-1].start.attempt_id
        assert reader.entries(limit=7, before=last) == []
    assert [entry.record for entry in found] == made[::-1]


def test_tokens_that_nobody_counted_are_said_to_be_missing(tmp_path: Path) -> None:
    ledger = SqliteLedger(tmp_path / "ledger.db")
    ledger.record(ended(start(1), usage=Usage()))
    ledger.record(ended(start(2), usage=Usage(input=0)))
    ledger.record(ended(start(3), Outcome.FAILED, usage=Usage()))
    ledger.close()
    with LedgerReader(ledger.path) as reader:
        for selection in (LedgerSelection(), LedgerSelection(provider="primary")):
            assert reader.usage("provider", selection)["primary"].uncounted == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30m", "2026-11-29T11:30"),
        ("24h", "2026-11-28T12:00"),
        (" 7 D ", "2026-11-22T12:00"),
        ("2w", "2026-11-15T12:00"),
        ("2026-11-01", "2026-11-01T00:00"),
        ("2026-11-01T06:30", "2026-11-01T06:30"),
        ("2026-11-01T06:30+02:00", "2026-11-01T04:30"),
    ],
)
def test_times_are_read(text: str, expected: str) -> None:
    assert parse_time(text, NOW) == datetime.fromisoformat(f"{expected}+00:00").timestamp()


@pytest.mark.parametrize("text", ["99999999999d", "36501d", f"{'9' * 400}m"])
def test_a_long_time_ago_is_before_everything(text: str) -> None:
    assert parse_time(text, NOW) == NOW.timestamp() - 36_500 * 86_400


@pytest.mark.parametrize("text", ["", "soon", "7", "-7d", "7y", "2026-13-01", "1.5h"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write 30m, 24h, 7d, 2w, 2026-11-01"):
        parse_time(text, NOW)
