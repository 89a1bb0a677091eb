"""Retry hints in all the ways they come."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from understudy.wire.hints import MAX_HINT, duration, forbids_retry, reset_after, retry_after

DATE = "Tue, 04 Aug 2026 12:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": " 7.5 "}, 7.5),
        ({"retry-after-ms": "250"}, 0.25),
        ({"x-ms-retry-after-ms": "1500"}, 1.5),
        ({"retry-after-ms": "100", "x-ms-retry-after-ms": "200", "retry-after": "9"}, 0.1),
        ({"x-ms-retry-after-ms": "200", "retry-after": "9"}, 0.2),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9.0),
        ({"retry-after-ms": "-1", "retry-after": "9"}, 9.0),
        ({"retry-after": str(MAX_HINT)}, MAX_HINT),
        ({"retry-after-ms": "86400000"}, MAX_HINT),
    ],
)
def test_headers_in_their_order(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


NO_NUMBERS = (
    "0", "-1", "-0.0", "nan", "NaN", "inf", "-inf", "Infinity", "1e400", "9" * 5000, "", " ", "soon", "1_0", "٣", "5s",
    "0x10", "1,5", "7;8",
)  # fmt: skip


@pytest.mark.parametrize("value", [*NO_NUMBERS, "86400.1", "1e9"])
def test_what_is_no_usable_number_of_seconds_is_no_hint(value: str) -> None:
    assert retry_after({"retry-after": value, "date": DATE}) is None


@pytest.mark.parametrize("value", [*NO_NUMBERS, "86400001"])
@pytest.mark.parametrize("name", ["retry-after-ms", "x-ms-retry-after-ms"])
def test_what_is_no_usable_number_of_milliseconds_is_no_hint(name: str, value: str) -> None:
    assert retry_after({name: value}) is None


@pytest.mark.parametrize(
    ("headers", "forbidden"),
    [
        ({"retry-after": "-5"}, True),
        ({"retry-after": "-0.5"}, True),
        ({"retry-after-ms": "-1"}, True),
        ({"x-ms-retry-after-ms": "-1000"}, True),
        ({"retry-after-ms": "-1", "retry-after": "0"}, True),
        ({"retry-after-ms": "-1", "retry-after": "9"}, False),  # a usable hint prevails
        ({"retry-after-ms": "100", "retry-after": "-9"}, False),
        ({}, False),
        ({"retry-after": "0"}, False),
        ({"retry-after": "-0.0"}, False),
        ({"retry-after": "5"}, False),
        ({"retry-after": "-inf"}, False),
        ({"retry-after": "-1e400"}, False),
        ({"retry-after": "nan"}, False),
        ({"retry-after": "soon"}, False),
        ({"retry-after": "-1_0"}, False),
        ({"retry-after": "86401"}, False),
        ({"retry-after": "Tue, 04 Aug 2026 11:59:00 GMT", "date": DATE}, False),
    ],
)
def test_a_negative_number_forbids_a_retry(headers: dict[str, str], forbidden: bool) -> None:
    assert forbids_retry(headers) is forbidden


class TestDates:
    def test_are_measured_against_the_date_of_the_response(self) -> None:
        assert retry_after({"retry-after": "Tue, 04 Aug 2026 12:00:30 GMT", "date": DATE}) == 30.0
        assert retry_after({"retry-after": "Tue, 04 Aug 2026 14:00:30 +0200", "date": DATE}) == 30.0

    @pytest.mark.parametrize(
        ("at", "now"),
        [
            ("Tue, 04 Aug 2026 12:00:30 GMT", None),
            ("Tue, 04 Aug 2026 12:00:30 GMT", "yesterday"),
            ("Tue, 04 Aug 2026 12:00:30 -0000", DATE),
            ("Tue, 04 Aug 2026 12:00:00 GMT", DATE),
            ("Tue, 04 Aug 2026 11:59:00 GMT", DATE),
            ("Thu, 06 Aug 2026 12:00:00 GMT", DATE),
            ("Tue, 04 Aug 99999 12:00:30 GMT", DATE),
        ],
    )
    def test_past_far_and_unreadable_ones_are_no_hint(self, at: str, now: str | None) -> None:
        assert retry_after({"retry-after": at, **({"date": now} if now else {})}) is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Rate limit reached. Please try again in 20s. Visit the dashboard.", 20.0),
        ("Please try again in 2m59.56s.", 179.56),
        ("Please try again in 350ms.", 0.35),
        ("try again in 1h2m3s", 3723.0),
        ("Please retry after 86400 seconds.", 86400.0),
        ("Please retry your request after 5 seconds", 5.0),
        ("Please retry in 46.123456s.", 46.123456),
        ("Your rate limit resets in ~30s", 30.0),
        ("Limit resets after 12 sec", 12.0),
        ("PLEASE TRY AGAIN IN 7 SECONDS", 7.0),
        ("Try again in 5 minutes", 300.0),
        ("Please wait 10 seconds", 10.0),
        ("Please wait for 2.5s before the next request", 2.5),
    ],
)
def test_words(text: str, seconds: float) -> None:
    assert retry_after({}, text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Request timed out after 600 seconds",
        "The model did not answer in 30 s",
        "completed in 12 seconds",
        "try again later",
        "try again in a moment",
        "retry after 0 seconds",
        "retry after 90000 seconds",
        "try again in " + "9" * 400 + "s",
        "retry after 5 tokens",
        "retry failed after 30 seconds",
    ],
)
def test_other_words_are_no_hint(text: str) -> None:
    assert retry_after({}, text) is None


def test_headers_come_before_words() -> None:
    assert retry_after({"retry-after": "3"}, "try again in 20s") == 3.0
    assert retry_after({"retry-after": "-3"}, "try again in 20s") == 20.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("6m0s", 360.0), ("7.66s", 7.66), ("250ms", 0.25), ("1h", 3600.0), ("0s", 0.0), (" 2s ", 2.0),
     ("", None), ("s", None), ("5", None), ("5 s", None), ("-5s", None), ("5s!", None), ("5d", None)],
)  # fmt: skip
def test_durations(text: str, seconds: float | None) -> None:
    assert duration(text) == (None if seconds is None else pytest.approx(seconds))


@settings(deadline=None, max_examples=300)
@given(st.text(max_size=60), st.text(max_size=60), st.text(max_size=80))
def test_no_text_breaks_it_and_every_hint_is_usable(header: str, date: str, words: str) -> None:
    hint = retry_after({"retry-after": header, "retry-after-ms": header, "date": date}, words)
    assert hint is None or 0 < hint <= MAX_HINT


DATES = st.lists(
    st.sampled_from(
        ["Tue,", "04", "Aug", "2026", "12:00:30", "GMT", "+0000", "-0000", "+9999", "(", ")", ":", "-", ".", "99", "0"]
    ),
    max_size=9,
).map(" ".join)


@settings(deadline=None, max_examples=300)
@given(DATES)
def test_no_broken_date_breaks_it(date: str) -> None:
    for headers in ({"retry-after": date, "date": DATE}, {"retry-after": DATE, "date": date}):
        hint = retry_after(headers)
        assert hint is None or 0 < hint <= MAX_HINT


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "1m2.5s"}, 62.5),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-tokens": "20ms"}, 0.02),
        ({"x-ratelimit-remaining-tokens": "0", "x-ratelimit-reset-requests": "7s"}, None),
        ({"x-ratelimit-remaining-tokens": "3", "x-ratelimit-reset-tokens": "7s"}, None),
        ({"x-ratelimit-remaining-tokens": "00", "x-ratelimit-reset-tokens": "7s"}, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "9"}, 9.0),
        ({"x-ratelimit-reset": "9"}, 9.0),
        ({"x-ratelimit-reset": "1741305600"}, None),
        ({"x-ratelimit-remaining": "2", "x-ratelimit-reset": "9"}, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1741305600000"}, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "-9"}, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "later"}, None),
        ({"date": DATE, "x-ratelimit-remaining": "0", "x-ratelimit-reset": "2026-08-04T12:00:30Z"}, 30.0),
        ({"date": DATE, "x-ratelimit-remaining": "0", "x-ratelimit-reset": "2026-08-04T14:00:30+02:00"}, 30.0),
        ({"date": DATE, "x-ratelimit-remaining": "0", "x-ratelimit-reset": "2026-08-04T12:00:30"}, None),
        ({"date": DATE, "x-ratelimit-remaining": "0", "x-ratelimit-reset": "2026-08-04T11:00:30Z"}, None),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "2026-08-04T12:00:30Z"}, None),
        (
            {
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "7s",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-requests": "2m59.56s",
            },
            179.56,
        ),
        ({"ratelimit": '"api";r=0;t=55'}, 55.0),
        ({"ratelimit": '"api" ; r = 0 ; t = 55'}, 55.0),
        ({"ratelimit": '"api";r=1;t=55'}, None),
        ({"ratelimit": '"api";r=0;t=0'}, None),
        ({"ratelimit": '"a";r=0;t=5, "b";r=0;t=50'}, 50.0),
        ({"ratelimit": "r=0"}, None),
    ],
)
def test_the_time_until_an_exhausted_limit_is_renewed(headers: dict[str, str], seconds: float | None) -> None:
    assert reset_after(headers) == (None if seconds is None else pytest.approx(seconds))


@given(st.text(max_size=60), st.text(max_size=60))
def test_no_time_of_reset_breaks_it(reset: str, date: str) -> None:
    wait = reset_after({"x-ratelimit-remaining": "0", "x-ratelimit-reset": reset, "date": date, "ratelimit": reset})
    assert wait is None or 0 < wait <= MAX_HINT
