"""What the operating system reports of a gateway's processes: from `/proc`, where there is one."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from understudy.telemetry.prometheus.scrape import ProcessUse
from understudy.telemetry.snapshot import Snapshot

_PROC = Path("/proc")


def used_by(workers: Iterable[Snapshot], proc: Path = _PROC) -> tuple[ProcessUse, ...]:
    """Return what each process uses. This reads a few small files of each."""
    return tuple(_used(worker, proc / str(worker.pid)) for worker in workers)


def _used(worker: Snapshot, folder: Path) -> ProcessUse:
    alone = ProcessUse(pid=worker.pid, started=worker.started)
    try:
        # The name of the program stands in parentheses, and may hold blanks and more of them (proc_pid_stat(5)).
        fields = (folder / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        ticks, pages = int(fields[11]) + int(fields[12]), int(fields[21])
        files = sum(1 for _ in (folder / "fd").iterdir())
    except (OSError, ValueError, IndexError):  # ended meanwhile, another system, or another user's process
        return alone
    return ProcessUse(
        pid=worker.pid,
        started=worker.started,
        cpu=ticks / os.sysconf("SC_CLK_TCK"),
        memory=pages * os.sysconf("SC_PAGE_SIZE"),
        files=files,
    )
