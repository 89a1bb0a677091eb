"""Fails every disk call of a ledger in turn, once and for ever. Started by `shim.run`.

python -m tests.ledger.disk.failing FOLDER [--stride N]
"""

from __future__ import annotations

import argparse
import errno
import os
import shutil
import signal
import sys
from pathlib import Path

from tests.ledger.disk.shim import Disk
from tests.ledger.disk.workload import complaints, perform

PATIENCE = 20
"""Seconds after which a program that is told of an error is said to hang."""
ERRORS = (errno.EIO, errno.ENOSPC)
OPENING = 8
"""Calls at the beginning that are failed in any case: they open a file that is empty."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--stride", type=int, default=1, help="fail only each N-th call")
    given = parser.parse_args()
    disk = Disk()
    calls, wrong = _played(disk, given.folder, 0, 0, ever=False)
    trials = 0
    for error in ERRORS:
        for ever in (False, True):
            # The strides of the four sweeps begin at different calls.
            strided = range(1 + trials % given.stride, calls + 1, given.stride)
            for n in sorted({*range(1, OPENING + 1), *strided}):
                trials += 1
                _, found = _played(disk, given.folder, n, error, ever=ever)
                how = f"{errno.errorcode[error]} {'from' if ever else 'at'} call {n}"
                wrong += [f"{how}: {each}" for each in found]
    sys.stdout.write("".join(f"{line}\n" for line in (f"{calls} calls, {trials} trials", *wrong)))
    return 0


def _played(disk: Disk, folder: Path, n: int, error: int, *, ever: bool) -> tuple[int, list[str]]:
    """Play the program once, in a process of its own; return how many calls it made, and what is wrong."""
    home = folder / "home"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir()
    out, into = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(out)
        signal.alarm(PATIENCE)
        status = 1
        try:
            disk.watch(home, n, error, ever=ever)
            perform(home / "ledger.db", lambda word: _write(into, word))
            _write(into, f"calls {disk.calls()}")
            status = 0
        finally:
            os._exit(status)
    os.close(into)
    with os.fdopen(out) as pipe:
        told = pipe.read().splitlines()
    _, status = os.waitpid(child, 0)
    if status:
        return 0, [f"the program ended with {status} after {told[-1:]}"]
    calls = int(told.pop().split()[1])
    return calls, complaints(home / "ledger.db", told, whole=not ever)


def _write(into: int, word: str) -> None:
    os.write(into, (word.replace("\n", " ") + "\n").encode())


if __name__ == "__main__":
    sys.exit(main())
