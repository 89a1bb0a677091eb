"""Prometheus' own programs, where they are installed, and how to install them.

python -m tests.telemetry.prometheus.programs --install   # where apt-get is there
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import subprocess

import pytest

INSTALL = "apt-get install -y --no-install-recommends prometheus"


def program(name: str) -> str:
    """Return the path of a program; skip the test if it is not installed."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed: {INSTALL}")
    return found


def install(seconds: float) -> None:
    """Install what is missing with apt-get, where it is there and may be used."""
    if all(map(shutil.which, ("promtool", "prometheus"))):
        return
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        print("Prometheus is not installed, and apt-get cannot be used: its tests are skipped")
        return
    # The package would start a service of its own, unless the system is in its single-user mode.
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive", "RUNLEVEL": "1"}
    with contextlib.suppress(subprocess.TimeoutExpired):
        subprocess.run(["apt-get", "update", "-qq"], check=False, timeout=seconds, env=quiet)
        subprocess.run([*INSTALL.split(), "-qq"], check=False, timeout=seconds, env=quiet)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--install", action="store_true")
    parser.add_argument("--seconds", type=float, default=120)
    arguments = parser.parse_args()
    if arguments.install:
        install(arguments.seconds)
