"""The systemd unit."""

from __future__ import annotations

import configparser
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.running import PATIENCE, CommandLine
from tests.deploy.files import DEPLOY, DRAIN

UNIT = DEPLOY / "systemd" / "understudy.service"


def service() -> dict[str, str]:
    parser = configparser.ConfigParser(strict=False, interpolation=None, comment_prefixes=("#",), delimiters=("=",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNIT)
    return dict(parser["Service"])


def test_systemd_takes_it(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed: apt-get install systemd")
    copy = tmp_path / "understudy.service"
    # The program is not installed here; everything else is as it is.
    copy.write_text(UNIT.read_text().replace("/opt/understudy/bin/understudy", "/bin/true"), encoding="utf-8")
    done = subprocess.run([program, "verify", copy], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_systemd_finds_little_exposed() -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed: apt-get install systemd")
    command = [program, "security", "--offline=true", "--threshold=20", str(UNIT)]  # of 100, the lower the better
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done.stdout[-500:]


def test_it_has_time_to_drain_and_is_not_restarted_for_an_invalid_configuration() -> None:
    settings = service()
    assert int(settings["TimeoutStopSec"]) > DRAIN
    assert settings["KillMode"] == "mixed"
    assert settings["RestartPreventExitStatus"] == "2"
    assert settings["ExecReload"] == "/bin/kill -HUP $MAINPID"


def test_its_command_is_understood(cli: CommandLine) -> None:
    """An option that does not exist would end it with the same code as a missing file."""
    words = service()["ExecStart"].split()[1:]
    result = cli.run(*words)
    assert result.code == 2
    assert "there is no configuration file /etc/understudy/understudy.toml" in result.err
