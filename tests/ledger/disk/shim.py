"""The library that stands between SQLite and the system: how it is built, loaded and steered."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

SOURCE = Path(__file__).with_name("shim.c")


def missing() -> str | None:
    """Return why the library cannot be used on this system, and what to install."""
    if not sys.platform.startswith("linux"):
        return "disk calls are intercepted by LD_PRELOAD, which is Linux's"
    return None if shutil.which("gcc") else "no C compiler: apt-get install gcc libc6-dev"


def build(folder: Path) -> Path:
    """Compile the library into a folder."""
    made = folder / "disk.so"
    command = ["gcc", "-shared", "-fPIC", "-O1", "-o", str(made), str(SOURCE), "-ldl", "-lpthread"]
    subprocess.run(command, check=True, capture_output=True)
    return made


def run(library: Path, module: str, *arguments: str, seconds: float) -> str:
    """Run a module of the tests with the library loaded; return what it writes."""
    command = [sys.executable, "-m", module, *arguments]
    environment = {**os.environ, "LD_PRELOAD": str(library)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == 0, done.stderr[-4_000:]
    return done.stdout


class Disk:
    """Steers the library, in a process that was started with it."""

    def __init__(self) -> None:
        self._library = ctypes.CDLL(None)
        self._library.disk_calls.restype = ctypes.c_long

    def watch(self, folder: Path, n: int = 0, error: int = 0, *, ever: bool = False) -> None:
        """Count the calls below a folder from here, and fail the `n`-th of them, and all later ones if `ever`."""
        self._library.disk_watch(os.fsencode(f"{folder}/"), ctypes.c_long(n), int(ever), error)

    def calls(self) -> int:
        """Return how many calls there were since `watch`."""
        return int(self._library.disk_calls())

    def record(self, log: Path) -> None:
        """Write all calls to a file."""
        self._library.disk_record(os.fsencode(log))

    def mark(self, word: str) -> None:
        """Write a word between the calls."""
        self._library.disk_mark(word.encode())
