"""Charts: read as XML, with coordinates computed by hand."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from markupsafe import Markup

from understudy.console.charts.bars import Axes, Series, stacked_bars
from understudy.console.charts.lines import BandPoint, band_chart, sparkline
from understudy.console.charts.scales import marks_of, nice_ticks, time_ticks
from understudy.console.charts.svg import MOST_POINTS, Chart, element, number
from understudy.console.charts.waterfall import Lane, waterfall

HOSTILE = "<script>alert(1)</script>\"'&\x00\x1b\u202e\ud800" + "x" * 5_000


def shown(value: float) -> str:
    return f"{value:g} s"


def read(svg: Markup) -> ElementTree.Element:
    return ElementTree.fromstring(svg)


def titles(svg: Markup) -> list[str]:
    return [each.text or "" for each in read(svg).iter("title")]


@pytest.mark.parametrize(
    ("top", "ticks"),
    [
        (0, (0, 1)),
        (-3, (0, 1)),
        (float("nan"), (0, 1)),
        (1, (0, 0.5, 1)),
        (0.3, (0, 0.1, 0.2, 0.3)),
        (7, (0, 2, 4, 6, 8)),
        (10, (0, 5, 10)),
        (101, (0, 50, 100, 150)),
        (0.0042, (0, 0.002, 0.004, 0.006)),
        (12_345, (0, 5_000, 10_000, 15_000)),
    ],
)
def test_axes_have_round_numbers_without_noise(top: float, ticks: tuple[float, ...]) -> None:
    assert nice_ticks(top) == ticks


def test_times_of_an_axis_are_round() -> None:
    day = 1_767_225_600  # 2026-01-01T00:00:00Z
    every_ten = ["00:10", "00:20", "00:30", "00:40", "00:50", "01:00"]
    found = time_ticks(day + 61, day + 3_661)
    assert found == tuple((day + 600 * place, name) for place, name in enumerate(every_ten, 1))
    assert time_ticks(day, day + 6 * 86_400, 7) == tuple((day + 86_400 * each, f"{each + 1} Jan") for each in range(7))


def test_steps_with_a_round_time_are_named() -> None:
    day = 1_767_225_600  # 2026-01-01T00:00:00Z
    assert marks_of([day + 60 * each for each in range(1, 61)], 60) == {
        9: "00:10", 19: "00:20", 29: "00:30", 39: "00:40", 49: "00:50", 59: "01:00",
    }  # fmt: skip
    assert marks_of([day + 420 + 300 * each for each in range(4)], 300) == {
        0: "00:10",
        1: "00:15",
        2: "00:20",
        3: "00:25",
    }
    assert marks_of([], 60) == {}


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (-0.001, "0"), (10.0, "10"), (100, "100"), (1 / 3, "0.33"), (2.5, "2.5")]
)
def test_coordinates_are_short(value: float, text: str) -> None:
    assert number(value) == text


def test_bars_stand_on_each_other() -> None:
    chart = stacked_bars(
        "Requests",
        ["10:00", "10:01"],
        [Series("answered", [6, 2], "series-1"), Series("failed", [2, 0], "series-5")],
        shown=shown,
    )
    bars = [each.attrib for each in read(chart.svg).iter("rect")]
    # The plot is 132 high and begins at 16: 8 (the axis' end: 0, 2, 4, 6, 8) fills it.
    assert [(each["x"], each["width"], each["y"], each["height"], each["class"]) for each in bars] == [
        ("4.5%", "41%", "49", "99", "series-1"),
        ("4.5%", "41%", "16", "33", "series-5"),
        ("54.5%", "41%", "115", "33", "series-1"),
    ]
    assert titles(chart.svg) == ["Requests", "10:00: answered 6 s", "10:00: failed 2 s", "10:01: answered 2 s"]
    assert chart.columns == ("time (UTC)", "answered", "failed", "all")
    assert chart.rows == (("10:00", "6 s", "2 s", "8 s"), ("10:01", "2 s", "0 s", "2 s"))


def test_a_band_reaches_from_one_percentile_to_the_other_and_leaves_gaps() -> None:
    points = [BandPoint(0, 1, 2), BandPoint(60, 2, 4), BandPoint(120, None, None), BandPoint(180, 0, 4)]
    chart = band_chart("Latency", points, step=60, shown=shown)
    paths = [(each.attrib["class"], each.attrib["d"]) for each in read(chart.svg).iter("path")]
    # Four steps over 1,000 units: their middles are 125, 375, 625, 875. The axis ends at 4, the plot is 132 high.
    assert paths == [
        ("band", "M125 99 L375 66 L375 0 L125 66Z"),
        ("band", "M750 132 L1000 132 L1000 0 L750 0Z"),
        ("line", "M125 99 L375 66"),
        ("line", "M750 132 L1000 132"),
    ]
    assert titles(chart.svg)[1:] == ["00:00: p50 1 s, p95 2 s", "00:01: p50 2 s, p95 4 s", "00:03: p50 0 s, p95 4 s"]
    assert len(chart.rows) == 3


def test_a_sparkline_spans_its_width() -> None:
    paths = [each.attrib["d"] for each in read(sparkline("traffic", [0, 5, 10, None, 10, 10], height=28)).iter("path")]
    assert paths == ["M0 27 L200 14 L400 1", "M800 1 L1000 1"]


def test_a_line_of_many_points_has_all_of_them() -> None:
    (path,) = read(sparkline("traffic", list(range(400)))).iter("path")
    assert path.attrib["d"].startswith("M0 27 L2.51 ")
    assert path.attrib["d"].endswith(" L1000 1")
    assert path.attrib["d"].count("L") == 399
    points = [BandPoint(60 * place, 1, 2) for place in range(288)]
    chart = band_chart("Latency", points, step=300, shown=shown)
    assert [each.attrib["d"].count("L") for each in read(chart.svg).iter("path")] == [2 * 288 - 1, 287]


def test_bars_may_be_named_at_round_places() -> None:
    series = [Series("a", [1, 1, 1], "series-1")]
    chart = stacked_bars("", ["10:01", "10:02", "10:03"], series, shown=shown, axes=Axes(marks={1: "10:02"}))
    assert [each.text for each in read(chart.svg).iter("text")][-1] == "10:02"
    assert sum(each.text.startswith("10:") for each in read(chart.svg).iter("text") if each.text) == 1


def test_a_waterfall_shows_waits_first_content_and_ends() -> None:
    chart = waterfall(
        "Attempts",
        [Lane("a/m", "failed", 0, 0, 1, None, "rate_limited"), Lane("b/n", "succeeded", 1, 1, 2, 0.5)],
        shown=shown,
    )
    bars = [
        (each.attrib["class"], each.attrib["x"], each.attrib["width"], each.attrib["y"])
        for each in read(chart.svg).iter("rect")
    ]
    assert bars == [
        ("before failed", "0%", "25%", "37"),
        ("wait", "25%", "25%", "77"),
        ("before succeeded", "50%", "12.5%", "77"),
        ("after succeeded", "62.5%", "37.5%", "77"),
    ]
    assert [(each.style, each.name) for each in chart.legend] == [
        ("wait", "waits"), ("before failed", "failed"),
        ("before succeeded", "succeeded: until first content"), ("after succeeded", "succeeded: content"),
    ]  # fmt: skip
    assert chart.rows[0] == ("1. a/m", "failed", "0 s", "0 s", "–", "1 s", "rate_limited")
    assert chart.rows[1] == ("2. b/n", "succeeded", "1 s", "1 s", "0.5 s", "2 s", "–")


@pytest.mark.parametrize(
    "chart",
    [
        stacked_bars("", [], [], shown=shown),
        stacked_bars("", ["a"], [Series("b", [0], "series-1")], shown=shown),
        band_chart("", [], step=60, shown=shown),
        band_chart("", [BandPoint(0, None, None)], step=60, shown=shown),
        waterfall("", [], shown=shown),
    ],
)
def test_a_chart_of_nothing_says_so(chart: Chart) -> None:
    assert chart.is_empty
    read(chart.svg)


@pytest.mark.parametrize(
    "chart",
    [
        stacked_bars(HOSTILE, [HOSTILE], [Series(HOSTILE, [1], "series-1")], shown=lambda _: HOSTILE),
        band_chart(HOSTILE, [BandPoint(0, 1, 2)], step=60, shown=lambda _: HOSTILE, names=(HOSTILE, HOSTILE)),
        waterfall(HOSTILE, [Lane(HOSTILE, HOSTILE, 0, 1, 1, 1, HOSTILE)], shown=lambda _: HOSTILE),
    ],
)
def test_hostile_words_are_text(chart: Chart) -> None:
    root = read(chart.svg)
    assert {each.tag for each in root.iter()} <= {"svg", "title", "rect", "path", "line", "text"}
    assert not {name for each in root.iter() for name in each.attrib if name.startswith("on")}
    assert all(each not in chart.svg for each in "\x00\x1b\u202e\ud800")
    assert max(len(each.text or "") for each in root.iter()) < 1_000


def test_a_chart_has_so_many_bars_at_most() -> None:
    places = [str(each) for each in range(1_000)]
    chart = stacked_bars("", places, [Series("a", range(1, 1_001), "series-1")], shown=shown)
    assert len(list(read(chart.svg).iter("rect"))) == MOST_POINTS
    assert chart.rows[0] == ("600", "601 s")
    names = [(each.attrib["x"], each.text) for each in read(chart.svg).iter("text")]
    assert names[-1] == ("99.88%", "999")


def test_children_that_are_not_markup_are_escaped() -> None:
    assert (
        element("text", "a<b", Markup("<i></i>"), x=1.0, class_='"') == '<text x="1" class="&#34;">a&lt;b<i></i></text>'
    )
