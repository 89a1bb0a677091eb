from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.cli.running import CommandLine, Finished
from understudy.cli.app import app
from understudy.simulator import SCENARIOS

SCENARIO = """
title = "A small one"
duration = 60
[traffic]
rate = 5
[targets.primary]
first_token = 0.2
price = { input = 1, output = 2 }
[targets.backup]
price = { input = 1, output = 2 }
[[incidents]]
targets = ["primary"]
kind = "connect"
from = 20
to = 40
"""
ENTRIES = """
[[llm.providers]]
provider = "openai"
name = "{first}"
priority = 1
text_model = "m"
[[llm.providers]]
provider = "anthropic"
name = "{second}"
priority = 2
text_model = "m"
"""


@pytest.fixture
def invoke(cli: CommandLine, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Finished]:
    """Run the command in this process, which spares the half second that a process of its own takes to begin."""
    monkeypatch.chdir(cli.folder)

    def run(*words: str) -> Finished:
        result = CliRunner().invoke(app, words)
        return Finished(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def scenario(cli: CommandLine) -> str:
    (cli.folder / "small.toml").write_text(SCENARIO + ENTRIES.format(first="primary", second="backup"))
    return "small.toml"


def test_a_scenario_is_shown_over_time(cli: CommandLine, scenario: str) -> None:
    result = cli.run("simulate", scenario)
    assert result.code == 0, result.err
    assert result.out.startswith("A small one\n")
    figures = dict(re.findall(r"^([a-z].*?)  +(\S.*)$", result.out, re.MULTILINE))
    assert figures["availability"] == "100.0000%"
    assert 50 < float(figures["share of primary"].rstrip("%")) < 75
    rows = re.findall(r"^  (availability|primary|backup) +([▁-█]{60})$", result.out, re.MULTILINE)
    assert [title for title, _ in rows] == ["availability", "primary", "backup"]
    primary = dict(rows)["primary"]
    assert (set(primary[:20]), set(primary[20:38]), set(primary[54:])) == ({"█"}, {"▁"}, {"█"})
    assert "requests in" in result.err


def test_configurations_stand_side_by_side(cli: CommandLine, scenario: str, invoke: Callable[..., Finished]) -> None:
    (cli.folder / "two.toml").write_text(ENTRIES.format(first="primary", second="backup"))
    (cli.folder / "one.toml").write_text(
        ENTRIES.format(first="mine", second="other") + "\n[llm.fallback]\nenabled = false\nmax_wait = 0\n"
    )
    result = invoke("simulate", scenario, "--config", "two.toml", "--config", "one.toml", "--json")
    assert result.code == 0, result.err
    found = result.json["configurations"]
    assert found["two"]["figures"]["availability"] == 1.0
    assert 0.5 < found["one"]["figures"]["availability"] < 0.8
    assert found["one"]["failures"]["mine"].keys() == {"connect"}
    # The same callers come at the same times, whatever the configuration.
    assert found["one"]["figures"]["requests"] == found["two"]["figures"]["requests"]
    shown = cli.run("simulate", scenario, "--config", "two.toml", "--config", "one.toml")
    assert re.search(r"^ +two +one$", shown.out, re.MULTILINE)
    assert "note: one: mine plays primary" in shown.err
    before = invoke("--config", "one.toml", "simulate", scenario, "--json")
    assert before.json["configurations"].keys() == {"one"}


def test_assertions_decide_the_exit_code(cli: CommandLine, scenario: str, invoke: Callable[..., Finished]) -> None:
    holds = invoke("simulate", scenario, "--assert", "availability >= 0.999", "--assert", "violations==0")
    assert holds.code == 0, holds.err
    fails = cli.run("simulate", scenario, "--assert", "share.backup<0.01", "--assert", "p50 > 0", "--json")
    assert fails.code == 1
    assert re.search(r"share.backup < 0.01 does not hold: share.backup is 0\.\d+", fails.err)
    assert [each["holds"] for each in fails.json["configurations"]["scenario"]["assertions"]] == [False, True]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "name a scenario: a TOML file, or one of outage"),
        (("outaeg",), "unknown scenario 'outaeg'; did you mean 'outage'?"),
        (("missing.toml",), "missing.toml cannot be read: No such file or directory"),
        (("outage", "--config", "missing.toml"), "missing.toml"),
        (("outage", "--assert", "availibility > 1"), "unknown name 'availibility'; did you mean 'availability'?"),
        (("outage", "--assert", "share.nobody > 1"), "unknown name 'share.nobody'"),
        (("outage", "--assert", "__import__('os') > 1"), "is not of the form NAME OPERATOR NUMBER"),
        (("outage", "--assert", "p50 > 1e"), "'1e' is not a number"),
        (("outage", "--seeds", "0"), "0 is not in the range x>=1"),
    ],
)
def test_wrong_usage(words: tuple[str, ...], told: str) -> None:
    result = CliRunner().invoke(app, ["simulate", *words])
    assert (result.exit_code, result.stdout) == (2, "")
    assert told in result.stderr


def test_a_configuration_must_have_the_entries_of_the_scenario_or_none(
    cli: CommandLine, scenario: str, invoke: Callable[..., Finished]
) -> None:
    (cli.folder / "mixed.toml").write_text(ENTRIES.format(first="primary", second="other"))
    result = invoke("simulate", scenario, "--config", "mixed.toml")
    assert result.code == 2
    assert "the configuration mixed.toml has no entry 'backup', though it has 'primary'" in result.err


def test_the_scenarios_are_listed(invoke: Callable[..., Finished]) -> None:
    result = invoke("simulate", "--list")
    assert result.code == 0
    assert [line.split()[0] for line in result.out.splitlines()[1:]] == list(SCENARIOS)
    assert json.loads(invoke("simulate", "--list", "--json").out) == dict(SCENARIOS)


FAKE = """
class Axes:
    def __init__(self): self.lines = []
    def plot(self, x, y, **more): self.lines.append((x, y))
    def set(self, **more): pass
    def legend(self): pass
class Figure:
    def __init__(self, **more): pass
    def subplots(self, rows, columns, **more):
        self.axes = [[Axes() for _ in range(columns)] for _ in range(rows)]
        return self.axes
    def suptitle(self, title): self.title = title
    def savefig(self, path, format):
        lines = [len(axes.lines) for row in self.axes for axes in row]
        open(path, "w").write(f"{format} {self.title} {lines}")
"""


def test_a_plot_needs_matplotlib(cli: CommandLine, scenario: str) -> None:
    empty = cli.folder / "without" / "matplotlib"
    empty.mkdir(parents=True)
    (empty / "__init__.py").write_text("raise ImportError('not installed')")
    result = cli.run("simulate", scenario, "--plot", "x.png", PYTHONPATH=_path(cli, "without"))
    assert result.code == 2
    assert "a plot needs matplotlib: pip install 'understudy[plots]'" in result.err


def test_a_plot_is_written(cli: CommandLine, scenario: str) -> None:
    folder = cli.folder / "with" / "matplotlib"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "figure.py").write_text(FAKE)
    result = cli.run("simulate", scenario, "--plot", "x.png", PYTHONPATH=_path(cli, "with"))
    assert result.code == 0, result.err
    assert (cli.folder / "x.png").read_text() == "png A small one [1, 2]"


def _path(cli: CommandLine, folder: str) -> str:
    return f"{cli.folder / folder}:{cli.environment['PYTHONPATH']}"


def test_the_manual_shows_what_is_printed(invoke: Callable[..., Finished]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "simulator.md").read_text(encoding="utf-8")
    shown = page.partition("```text\n")[2].partition("```")[0]
    titles = [re.split(r"  +", line.strip())[0] for line in shown.splitlines() if line.strip() not in ("", "…")]
    out = invoke("simulate", "outage", "--requests", "300").out
    assert [title for title in titles if title not in out] == []
