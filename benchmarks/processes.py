"""The processes that are measured: where they run, and what they and their children used, as Linux reports it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


class ProcessTree:
    """A process, its threads and its descendants."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def members(self) -> list[int]:
        """Return the ids of the processes that are alive."""
        children: dict[int, list[int]] = {}
        for stat in Path("/proc").glob("[0-9]*/stat"):
            with contextlib.suppress(OSError):
                children.setdefault(int(_fields(stat)[1]), []).append(int(stat.parent.name))
        found = [self.pid]
        for pid in found:  # grows while it is walked
            found += children.get(pid, [])
        return found

    def cpu(self) -> float:
        """Return the CPU seconds so far. What an ended child used counts once its parent has waited for it."""
        return sum(map(_cpu_of, self.members()))

    def megabytes(self) -> float:
        """Return the resident memory of all, in MB (10^6 bytes); pages that two of them share count twice."""
        pages = 0
        for pid in self.members():
            with contextlib.suppress(OSError):
                pages += int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * _PAGE / 1e6


def _fields(stat: Path) -> list[str]:
    """Return the fields of `/proc/PID/stat` behind the name, which may contain anything: the state comes first."""
    return stat.read_text().rpartition(")")[2].split()


def _cpu_of(pid: int) -> float:
    """Return the CPU seconds of one process and of its children that ended."""
    try:
        fields = _fields(Path(f"/proc/{pid}/stat"))
        # To the nanosecond, but without threads that ended; `stat` has those, in whole ticks.
        alive = sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir())
    except OSError:
        return 0.0
    user, system, ended_user, ended_system = map(int, fields[11:15])
    return max(alive / 1e9, (user + system) / _TICKS) + (ended_user + ended_system) / _TICKS


class Cores:
    """Which cores the measured process has, and which are left for the stub and the load client."""

    def __init__(self) -> None:
        allowed = sorted(os.sched_getaffinity(0))
        self.taskset = shutil.which("taskset")
        self.measured = allowed[0] if self.taskset and len(allowed) > 1 else None
        self.rest = allowed[1:] if self.measured is not None else allowed

    def pinned(self, command: Sequence[str]) -> list[str]:
        """Return a command that runs on the core of measured processes, if there is one."""
        if self.taskset is None or self.measured is None:
            return list(command)
        return [self.taskset, "--cpu-list", str(self.measured), *command]

    def leave(self) -> None:
        """Keep this process, and what it starts unpinned, away from the core of the measured ones."""
        os.sched_setaffinity(0, self.rest)

    def __str__(self) -> str:
        if self.measured is None:
            return "not pinned (taskset is missing, or there is one core)"
        return f"core {self.measured}; stub and load client on {', '.join(map(str, self.rest))}"


@contextlib.contextmanager
def running(
    command: Sequence[str], environment: Mapping[str, str], log: Path, cwd: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command whose output goes to a file, and end it."""
    with (
        log.open("wb") as out,
        subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, env=environment, cwd=cwd
        ) as process,
    ):
        try:
            yield process
        finally:
            stop(process)


def stop(process: subprocess.Popen[Any], patience: float = 10.0) -> None:
    """End a process that was started here and its descendants: first in peace, after `patience` seconds by force."""
    members = ProcessTree(process.pid).members()
    process.terminate()
    try:
        process.wait(patience)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for pid in members[1:]:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 9)
