"""Token counts: disjoint classes, and unknown is not zero."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.domain.usage import Usage, token_count

COUNTS = st.none() | st.integers(0, 2**53)
CLASSES = (
    *("input", "cache_read", "cache_read_audio", "cache_write", "cache_write_1h"),
    *("output", "reasoning", "audio_input", "audio_output"),
)
USAGES = st.builds(
    Usage, **dict.fromkeys(CLASSES, COUNTS), raw=st.none() | st.dictionaries(st.text(), COUNTS, max_size=3)
)


def test_totals_sum_what_is_known() -> None:
    usage = Usage(input=1, cache_read=2, cache_write=4, cache_write_1h=8, audio_input=16, output=32, reasoning=64)
    assert (usage.input_total, usage.output_total, usage.total) == (31, 96, 127)
    assert Usage(output=5, audio_output=2).total == 7


def test_nothing_known_is_unknown_and_not_zero() -> None:
    assert (Usage().input_total, Usage().output_total, Usage().total) == (None, None, None)
    assert (Usage(input=0).total, Usage(input=0).output_total) == (0, None)


@given(USAGES, USAGES)
def test_a_later_report_replaces_what_it_knows_and_nothing_else(first: Usage, later: Usage) -> None:
    merged = first.merged(later)
    for name in CLASSES:
        known = getattr(later, name)
        assert getattr(merged, name) == (known if known is not None else getattr(first, name))


@given(USAGES)
def test_reports_are_cumulative_so_the_same_twice_is_the_same(usage: Usage) -> None:
    assert usage.merged(usage).total == usage.total
    assert usage.merged(Usage()) == usage
    assert Usage().merged(usage) == usage


@given(USAGES, USAGES, USAGES)
def test_the_grouping_of_reports_does_not_matter(a: Usage, b: Usage, c: Usage) -> None:
    assert a.merged(b).merged(c) == a.merged(b.merged(c))


@pytest.mark.parametrize(
    ("first", "later", "merged"),
    [
        ({"a": 1, "b": 2}, {"b": 3, "c": None}, {"a": 1, "b": 3}),
        ({"a": 1}, {}, {"a": 1}),
        ({"a": 1}, None, {"a": 1}),
        (None, {"a": 1}, {"a": 1}),
    ],
)
def test_raw_reports_are_merged_by_key(first: Any, later: Any, merged: Any) -> None:
    assert Usage(raw=first).merged(Usage(raw=later)).raw == merged


@pytest.mark.parametrize(("value", "count"), [(0, 0), (7, 7), (7.0, 7), (2**53, 2**53), (-0.0, 0)])
def test_counts(value: Any, count: int) -> None:
    found = token_count(value)
    assert found == count
    assert type(found) is int


@pytest.mark.parametrize(
    "value",
    [None, True, False, "7", -1, -1.0, 1.5, float("nan"), float("inf"), -float("inf"), 2**53 + 1, 1e300, [], {}, b"7"],
)
def test_what_is_no_count_is_unknown(value: Any) -> None:
    assert token_count(value) is None


def test_what_is_charged_adds_up_apart_from_what_was_counted() -> None:
    charged = Usage(input=100, output=10, billed=Usage(input=5, output=9))
    plain = Usage(input=20, output=2)
    whole = Usage(input=120, output=12, billed=Usage(input=25, output=11))
    assert charged + plain == plain + charged == whole
    assert whole + whole == Usage(input=240, output=24, billed=Usage(input=50, output=22))
