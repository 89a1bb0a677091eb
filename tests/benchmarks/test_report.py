"""The report: what its tables say, and that its plots are pictures."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from benchmarks.report.bars import Bar, bars
from benchmarks.report.document import Section, Table, figures_table, ratios_plot, ratios_table, text_of, write
from benchmarks.rounds import Rounds, Spread

SVG = "{http://www.w3.org/2000/svg}"


def measured() -> Rounds:
    rounds = Rounds()
    for number, (relay, gateway) in enumerate(((100.0, 200.0), (100.0, 300.0), (100.0, 1200.0))):
        rounds.add("1 KB", "relay", number, relay)
        rounds.add("1 KB", "gateway", number, gateway)
    return rounds


def test_a_table_states_medians_and_the_spread_of_ratios() -> None:
    names, measures = ["relay", "gateway", "away"], {"1 KB": "a request of 1 KB"}
    figures = figures_table("CPU", measured(), names, measures, "in µs")
    assert [*figures.rows] == [["relay", "100"], ["gateway", "300"], ["away", "–"]]
    ratios = ratios_table("CPU", measured(), names, measures, "relay", "")
    assert [*ratios.rows] == [["relay", "1.00"], ["gateway", "3.00 (2.00–12.0)"], ["away", "–"]]
    assert figures.markdown().splitlines() == [
        "### CPU",
        "",
        "in µs",
        "",
        "|  | a request of 1 KB |",
        "| --- | ---: |",
        "| relay | 100 |",
        "| gateway | 300 |",
        "| away | – |",
    ]


def test_a_bar_ends_at_its_ratio_on_a_logarithmic_scale() -> None:
    shown = [
        Bar("half", Spread(0.5, 0.5, 0.5)),
        Bar("ten", Spread(10.0, 10.0, 10.0)),
        Bar("<hundred>", Spread(100, 50, 200)),
    ]
    picture = ElementTree.fromstring(bars("ratios", shown))
    half, ten, hundred = (
        [float(each.get(key, 0)) for key in ("x", "width")] for each in picture.findall(f"{SVG}rect")[1:]
    )
    assert half[0] + half[1] == ten[0] == hundred[0], "all of them begin or end at 1"
    assert hundred[1] == 2 * ten[1]
    assert "<hundred>" in [each.text for each in picture.findall(f"{SVG}text")]


def test_a_report_and_its_plots_are_written(tmp_path: Path) -> None:
    plot = ratios_plot("CPU", "cpu.svg", measured(), ["relay", "gateway", "away"], "1 KB", "relay")
    sections = [Section("Gateways", ["Words.", Table("None", ["", "reason"], [("a|b", "gone")]), plot])]
    path = write(tmp_path / "report", "Measured", sections)
    text = path.read_text(encoding="utf-8")
    assert text.startswith("# Measured\n\n## Gateways\n\nWords.\n")
    assert "| a\\|b | gone |" in text
    assert "![CPU](cpu.svg)" in text
    rows = ElementTree.parse(path.parent / "cpu.svg").findall(f"{SVG}rect")
    assert len(rows) == 3, "a ground, and a bar for each that was measured"
    assert text_of(sections).splitlines()[:3] == ["None", "     reason", "a|b    gone"]


def test_a_ratio_that_is_no_more_than_noise_is_drawn_at_the_edge() -> None:
    shown = [Bar("relay", Spread(-0.004, -0.02, 0.01)), Bar("nothing", Spread(0.0, 0.0, 0.0))]
    picture = ElementTree.fromstring(bars("ratios", shown))
    texts = ["".join(each.itertext()) for each in picture.iter(f"{SVG}text")]
    assert "-0.004×" in texts
    assert "0×" in texts
