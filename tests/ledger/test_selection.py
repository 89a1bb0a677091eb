"""Times of the command line are read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from understudy.ledger.selection import parse_time

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


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
