"""Runs a program under `valgrind --tool=callgrind`, and returns what it counts between marks that the program makes.

The program calls `mark` before and after what counts. Callgrind writes down there what there was since the last mark.
Other load on the machine changes none of it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parent.parent
mark = os.getppid
"""What a program calls at a mark: callgrind knows it by its name in the C library, and nothing else calls it."""

_TOTAL = re.compile(r"^(?:totals|summary): (\d+)", re.MULTILINE)
_ALLOCATED = re.compile(r"^cfn=(?:malloc|calloc|realloc|posix_memalign|aligned_alloc)(?:'\d+)?\ncalls=(\d+)", re.M)


class Segment(NamedTuple):
    """What there was between two marks."""

    instructions: int
    allocations: int
    """Calls of the C library's `malloc` and the like, which are all allocations if Python uses no other allocator."""


def is_installed() -> bool:
    """Check whether valgrind can be run."""
    return shutil.which("valgrind") is not None


def segments(program: Sequence[str], *, marks: int, tree: Path = ROOT, malloc: bool = False) -> list[Segment]:
    """Run a Python program, given by its arguments, and return what there was up to each of its marks.

    It runs once without valgrind before, so that all modules are compiled. Names are hashed the same way in every run,
    and valgrind loads everything at the same addresses. With `malloc`, Python hands each allocation to the C library,
    which is what makes allocations countable; instructions are then more than usual. Raise `SystemExit` if valgrind is
    not installed, or the program fails.
    """
    if not is_installed():
        raise SystemExit("valgrind is not installed: it counts the instructions")
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            **{name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"},
            "PYTHONHASHSEED": "0",
            "PYTHONPATH": f"{tree / 'src'}:{ROOT}",
            "PYTHONPYCACHEPREFIX": f"{folder}/compiled",
            "PYTHONMALLOC": "malloc" if malloc else "default",
        }
        options = ["--dump-before=getppid", "--compress-strings=no", f"--callgrind-out-file={folder}/out"]
        for runner in ([], ["valgrind", "--tool=callgrind", *options]):
            command = [*runner, sys.executable, *program]
            run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
            if run.returncode != 0:
                raise SystemExit(f"the child failed ({run.returncode}):\n{run.stderr[-3000:]}")
        return [segment_of(Path(folder, f"out.{number + 1}").read_text()) for number in range(marks)]


def segment_of(dump: str) -> Segment:
    """Return what a dump of callgrind states."""
    return Segment(int(_TOTAL.findall(dump)[-1]), sum(map(int, _ALLOCATED.findall(dump))))
