"""Whether the file that is open is still the one at its path.

Files are deleted, moved away and restored under the processes that use them. An open file goes on to take what is
written to it, and nobody finds it there.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path

_Identity = tuple[int, int]


class Place:
    """The path of a file that a connection has open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: _Identity | None = None
        self._beside: dict[Path, _Identity | None] = {}
        self.note()

    def note(self) -> None:
        """Note which file is at the path, after it was opened."""
        self._file = identity_of(self.path)
        self._beside = {each: identity_of(each) for each in _beside(self.path)}

    def has_moved(self) -> bool:
        """Check whether that file is not at its path any more. It takes some microseconds."""
        return self._file is not None and identity_of(self.path) != self._file

    @property
    def has_lost_log(self) -> bool:
        """Whether its write-ahead log is not at its path any more, while it is open."""
        log, known = next(iter(self._beside.items()))
        return known is not None and identity_of(log) != known

    @property
    def is_empty(self) -> bool:
        """Whether no other file is there either."""
        return identity_of(self.path) is None

    def leave(self, connection: sqlite3.Connection) -> None:
        """Close a connection to the file that was there, and make its place ready for the one that is there now.

        What is in the write-ahead log is moved into the file that was there, so one that was moved away is whole. What
        is left of its log at the path is removed, because SQLite would take it for that of the other file, and damage
        that (https://www.sqlite.org/howtocorrupt.html, section 1.4).
        """
        with contextlib.suppress(sqlite3.Error):
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with _alone_in(self.path.resolve().parent):
            for path, known in self._beside.items():
                if known is not None and identity_of(path) == known:
                    with contextlib.suppress(OSError):
                        path.unlink()
        connection.close()


def identity_of(path: Path) -> _Identity | None:
    """Return what identifies the file at a path; `None` without a file."""
    try:
        status = os.stat(path)  # noqa: PTH116 - called for each batch
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _beside(path: Path) -> tuple[Path, Path]:
    """Return the files of SQLite beside one, which are next to what its path leads to."""
    real = path.resolve()
    return real.with_name(f"{real.name}-wal"), real.with_name(f"{real.name}-shm")


@contextlib.contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Keep other processes from doing the same meanwhile: one must not remove what another has just made."""
    if sys.platform == "win32":  # there, a file that is open is neither deleted nor replaced
        yield
        return
    import fcntl

    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # a folder that was removed has nothing to keep from others
            number = os.open(folder, os.O_RDONLY)
            stack.callback(os.close, number)
            fcntl.flock(number, fcntl.LOCK_EX)
        yield
