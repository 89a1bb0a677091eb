"""What a run ran on, as the report states it."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.processes import Cores

_OWN_PACKAGES = ("aiohttp", "httptools", "msgspec", "uvicorn", "uvloop")


def machine(command: str, cores: Cores) -> list[tuple[str, str]]:
    """Return what a reader must know to judge the figures, as pairs of a name and its value."""
    return [
        ("command", f"`{command}`"),
        ("time", datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")),
        ("commit", _commit()),
        ("processor", _processor()),
        ("cores", f"{os.cpu_count()}; servers on {cores}"),
        ("system", f"{platform.system()} {platform.release()}"),
        ("Python", f"{platform.python_version()} ({platform.python_implementation()})"),
        ("packages", ", ".join(f"{name} {version(name)}" for name in _OWN_PACKAGES)),
        ("load before", " ".join(f"{each:.1f}" for each in os.getloadavg())),
    ]


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def _commit() -> str:
    root = Path(__file__).resolve().parents[2]
    command = ["git", "-C", str(root), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return "unknown"


def command_line() -> str:
    """Return how this run was started."""
    return " ".join(["python -m benchmarks", *sys.argv[1:]])
