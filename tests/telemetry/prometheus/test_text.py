"""Numbers, labels and the choice of a format."""

from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from understudy.telemetry.prometheus.text import Family, Kind, label, number, rendered, wants_open_metrics

PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;"
    "version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)


@pytest.mark.parametrize(
    ("accept", "is_open"),
    [
        (PROMETHEUS_2, True),
        (PROMETHEUS_3, True),
        (None, False),
        ("", False),
        ("*/*", False),
        ("text/plain", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("text/plain;q=0.9,application/openmetrics-text;q=0.1", False),
        ("application/openmetrics-text; q=0", False),
        ("application/openmetrics-text; q=pi", False),
        ("Application/OpenMetrics-Text", True),
        (";;;,q=1,,", False),
    ],
)
def test_the_format_is_what_the_client_prefers(accept: str | None, is_open: bool) -> None:
    assert wants_open_metrics(accept) is is_open


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (12, "12"),
        (0.25, "0.25"),
        (1e22, "1e+22"),
        (inf, "+Inf"),
        (-inf, "-Inf"),
        (nan, "NaN"),
        ("1.5", "1.5"),
    ],
)
def test_numbers(value: float | str, text: str) -> None:
    assert number(value) == text


@given(st.text())
def test_every_label_is_read_back_as_it_was(text: str) -> None:
    shown = label(text)
    family = Family(name="f", kind=Kind.GAUGE, labels=("a", "b"), help='a "help"\nof two lines \\ and more')
    answer = rendered([(family, [((shown, "b"), 1)])], is_open=False).decode()
    (read,) = text_string_to_metric_families(answer)
    assert read.documentation == family.help
    assert [(each.labels, each.value) for each in read.samples] == [({"a": shown, "b": "b"}, 1.0)]


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=100))
def test_visible_names_stay_as_they_are(text: str) -> None:
    assert label(text) == text


def test_a_metric_without_samples_is_omitted() -> None:
    assert rendered([(Family(name="f", kind=Kind.GAUGE, help="h"), [])], is_open=False) == b"\n"
