"""`understudy ledger`, `stats` and `top`: what they show of requests that were made."""

from __future__ import annotations

import csv
import importlib.util
import io
import json
from pathlib import Path

import pytest

from tests.cli.running import CommandLine, Finished
from understudy.emulator import Emulator
from understudy.reports.export import COLUMNS


@pytest.fixture
def used(configured: CommandLine, emulator: Emulator) -> CommandLine:
    """The command line after one question."""
    assert configured.run("ask", "hi").code == 0
    return configured


def test_entries_are_exported_as_json_lines_and_csv(used: CommandLine) -> None:
    lines = used.run("ledger", "export").out.splitlines()
    entries = [json.loads(line) for line in lines]
    assert [entry["state"] for entry in entries] == ["succeeded"]
    rows = list(csv.DictReader(io.StringIO(used.run("ledger", "export", "--format", "csv").out)))
    assert list(rows[0]) == list(COLUMNS)
    assert rows[0]["request_id"] == entries[0]["start"]["request_id"]
    assert int(rows[0]["output"]) > 0


def test_a_file_is_written_where_it_is_asked_for(used: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    assert used.run("ledger", "export", "--format", "csv", "--output", str(path)).code == 0
    assert len(path.read_text().splitlines()) == 2
    missing = used.run("ledger", "export", "--output", str(tmp_path / "no" / "out.jsonl"))
    assert missing.code == 2
    assert "cannot be written" in missing.err


@pytest.mark.skipif(importlib.util.find_spec("pyarrow") is not None, reason="pyarrow is installed")
def test_parquet_names_the_package_that_it_needs(used: CommandLine, tmp_path: Path) -> None:
    result = used.run("ledger", "export", "--format", "parquet", "--output", str(tmp_path / "x.parquet"))
    assert result.code == 2
    assert "understudy[parquet]" in result.err


def test_upkeep_reports_what_it_did(used: CommandLine) -> None:
    assert "0 entries would be removed" in used.run("ledger", "prune", "--keep", "1", "--dry-run").out
    assert used.run("ledger", "prune", "--keep", "1", "--json").json["removed"] == 0
    assert "bytes freed" in used.run("ledger", "vacuum").out
    assert used.run("ledger", "verify").out == "nothing is wrong\n"


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("sweep",), id="unknown action"),
        pytest.param(("prune",), id="without days"),
        pytest.param(("export", "--format", "xml"), id="unknown format"),
        pytest.param(("export", "--format", "parquet"), id="parquet without a file"),
    ],
)
def test_mistakes_are_refused(used: CommandLine, words: tuple[str, ...]) -> None:
    assert used.run("ledger", *words).code == 2


def test_stats_show_rates_and_times(used: CommandLine) -> None:
    (found,) = used.run("stats", "--json").json["stats"]
    assert (found["attempts"], found["succeeded"]) == (1, 1)
    table = used.run("stats", "--by", "model").out
    assert "100.0%" in table


def test_top_prints_once_where_there_is_no_terminal(used: CommandLine) -> None:
    result = used.run("top")
    assert result.code == 0, result.err
    assert "0 under way" in result.out
    assert "100.0%" in result.out


def test_a_plot_is_a_png_or_names_what_it_needs(used: CommandLine, tmp_path: Path) -> None:
    path = tmp_path / "usage.png"
    result = used.run("usage", "--plot", str(path))
    if importlib.util.find_spec("matplotlib") is None:
        assert "understudy[plots]" in result.err
    else:
        assert path.read_bytes().startswith(b"\x89PNG")


ON_A_NETWORK = """
import sys
from understudy.ledger.sqlite import hazards
hazards._mounts = lambda: ["server:/home / nfs4 rw 0 0"]
from understudy.cli import main
sys.argv[0] = "understudy"
main()
"""


def test_a_network_file_system_is_read_but_not_written(used: CommandLine) -> None:
    def run(*words: str) -> Finished:
        return used.python("-c", ON_A_NETWORK, *words)

    for words in (("ledger", "prune", "--keep", "1"), ("ledger", "vacuum"), ("keys", "create", "alice")):
        refused = run(*words)
        assert refused.code == 2, words
        assert "is on a network file system (nfs4)" in refused.err
    assert run("log").code == 0
    asked = run("ask", "hi")
    assert asked.code == 0
    assert "this command is not recorded" in asked.err
    used.configure(
        used.folder.joinpath("understudy.toml").read_text() + "[llm.ledger]\nallow_network_filesystem = true\n"
    )
    assert "not recorded" not in run("ask", "hi").err
    assert len(run("ledger", "export").out.splitlines()) == 2
