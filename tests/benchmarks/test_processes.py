"""The CPU of a process tree."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks.processes import ProcessTree, running

pytestmark = pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="needs Linux's /proc")

USED = 0.1
"""CPU seconds that each process uses, at least."""
BUSY = f"""
import subprocess, sys, time
def work():
    while time.process_time() < {USED}:
        pass
"""
TREE = f"""{BUSY}
work()
child = subprocess.Popen([sys.executable, "-c", {BUSY!r} + "work(); print('done', flush=True); sys.stdin.read()"],
                         stdin=subprocess.PIPE, stdout=subprocess.PIPE)
child.stdout.readline()
print(child.pid, flush=True)
sys.stdin.readline()
child.communicate(b"")
print("waited", flush=True)
sys.stdin.read()
"""


@contextmanager
def tree() -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run a process that has used CPU, with a child that has; yields it and the child's id."""
    command = [sys.executable, "-c", TREE]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process, int(process.stdout.readline())
        process.communicate("")


def test_children_count_while_they_live_and_once_they_have_ended() -> None:
    with tree() as (process, child):
        measured = ProcessTree(process.pid)
        assert measured.members() == [process.pid, child]
        both, alone = measured.cpu(), ProcessTree(child).cpu()
        assert alone >= USED
        assert both >= 2 * USED
        assert measured.megabytes() > ProcessTree(child).megabytes() > 1
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("\n")
        process.stdin.flush()
        process.stdout.readline()
        assert measured.members() == [process.pid]
        assert measured.cpu() >= both - 2 / os.sysconf("SC_CLK_TCK"), "its parent has its time, in whole ticks"


def test_a_process_that_is_gone_has_used_nothing_more() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert ProcessTree(process.pid).cpu() == 0.0


def test_a_program_is_ended_with_its_children(tmp_path: Path) -> None:
    command = [sys.executable, "-c", TREE.replace("sys.stdin.readline()", "time.sleep(600)")]
    log = tmp_path / "log"
    with running(command, {**os.environ}, log, tmp_path) as process:
        while not log.read_text():
            assert process.poll() is None
        child = int(log.read_text().split()[0])
    assert process.poll() is not None
    while is_alive(child):  # the kernel ends it in its own time
        time.sleep(0.01)


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "XZ"
    except OSError:
        return False
