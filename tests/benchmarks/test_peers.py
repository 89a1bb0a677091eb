"""Peers that cannot be compared are named with the reason, and what is installed is what was pinned."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks import machinery
from benchmarks.environments import Environment
from benchmarks.gateways.comparison import Comparison
from benchmarks.gateways.launching import Gateway, Launch
from benchmarks.gateways.measures import Effort
from benchmarks.gateways.peers import PEERS
from benchmarks.gateways.reporting import gateways_section
from benchmarks.processes import Cores


def gateway(name: str, script: str, environment: Environment | None = None) -> Gateway:
    return Gateway(name, lambda _: Launch([sys.executable, "-c", script]), "Does nothing.", environment)


def test_a_peer_that_is_missing_is_named_in_the_report(tmp_path: Path) -> None:
    absent = Environment("absent", ("absent==1.0",), tmp_path)
    gateways = [gateway("absent", "", absent), gateway("broken", "print('no such option'); raise SystemExit(2)")]
    found = Comparison(gateways, tmp_path, Effort(0.1), Cores()).run(1)
    assert found.missing == {
        "absent": "is not installed (`python -m benchmarks --install`)",
        "broken": "did not start: no such option",
    }
    report = gateways_section(gateways, found).markdown()
    for name, reason in found.missing.items():
        assert f"| {name} | {reason} |" in report


def test_every_peer_is_pinned_and_states_its_settings_and_their_source() -> None:
    for peer in PEERS:
        assert peer.environment is not None
        sign = "@" if peer.environment.node else "=="
        assert all(sign in package for package in peer.environment.packages), peer.name
        assert peer.about
        assert all(source.startswith("https://") for source in peer.sources)
        assert peer.sources


@pytest.mark.parametrize("packages", [("one==1.0", "other==2.1"), ("one==1.0",)])
def test_an_environment_is_installed_with_just_these_packages(tmp_path: Path, packages: tuple[str, ...]) -> None:
    asked = Environment("one", ("one==1.0", "other==2.0"), tmp_path)
    asked.folder.mkdir()
    (asked.folder / ".complete").write_text(asked.mark, encoding="utf-8")
    assert asked.installed
    assert not asked._replace(packages=packages).installed


def test_what_cannot_be_installed_says_why_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    absent = Environment("absent", ("absent@1.0",), tmp_path, node=True)
    assert absent.install() == "cannot be installed: npm is not on the PATH"
    assert not absent.folder.exists()


async def test_policy_and_engine_run_above_events_in_memory() -> None:
    through, bare = machinery.work()
    await through()
    await bare()
