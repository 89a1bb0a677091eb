"""`python -m benchmarks`: a run from the command line to the report."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import __main__, callgrind

ROOT = Path(__file__).resolve().parents[2]


def test_a_run_without_any_peer_still_writes_a_report_that_names_them(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks", "--only", "openai", "rolter", "ferrogw", "--rounds", "1"]
    run = subprocess.run(
        [*command, "--report", str(tmp_path / "report")],
        env={**os.environ, "UNDERSTUDY_BENCH_CACHE": str(tmp_path / "empty"), "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    report = (tmp_path / "report" / "report.md").read_text(encoding="utf-8")
    for name in ("openai", "rolter", "ferrogw"):
        assert f"| {name} | is not installed (`python -m benchmarks --install`) |" in report
    assert "| command | `python -m benchmarks --only openai rolter ferrogw" in report
    assert "Settings of rolter 0.1.0" in report
    assert "RATE_LIMIT_RPS=0" in report
    assert str(tmp_path / "empty") not in report, "a report does not show the folders of the machine"
    assert "rolter   is not installed" in run.stdout


def test_a_run_that_would_compare_nothing_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`litellm` is the library, `LiteLLM` the gateway."""
    monkeypatch.setattr(sys, "argv", ["benchmarks", "gateway", "--only", "litellm"])
    with pytest.raises(SystemExit):
        __main__.main()
    assert "--only names no gateway: litellm" in capsys.readouterr().err


def test_counts_of_instructions_name_what_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SystemExit, match="valgrind is not installed"):
        callgrind.segments(["-c", ""], marks=1)
