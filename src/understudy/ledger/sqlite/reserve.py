"""Room on the disk that is held for a ledger: a file beside it, given up when the disk is full.

    absent ──> held: a file of allocated bytes ──> given up: the same file, empty ──> held again, when there is room

Freeing it lets SQLite write how the attempts under way ended. While it is given up, nothing new that a budget or limit
concerns may begin, or new attempts would use up the room of those under way. The file is shared: whichever process
needs the room frees it, and whichever finds room again allocates it.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sqlite3
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path

logger = logging.getLogger("understudy")

RESERVE = 8 * 2**20
"""Bytes: 4 MiB for the write-ahead log, which is moved into the file when it has 1,000 pages
(https://www.sqlite.org/wal.html#automatic_checkpoint), and 4 MiB for the entries of about 13,000 attempts."""
RETRY = 5.0
"""Seconds between tries to allocate it again."""
_SUFFIX = "-reserve"
_CHUNK = 2**20
_NO_ROOM = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})
_CANNOT = frozenset({errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL})
"""What `posix_fallocate` raises where the file system or the C library cannot allocate."""
_SQLITE_NO_ROOM = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE})
"""A quota that is used up is an error in writing: SQLite knows ENOSPC only."""


class Reserve:
    """The reserve of one ledger, for the one thread that uses it."""

    def __init__(self, ledger: Path, size: int, clock: Callable[[], float] = time.monotonic) -> None:
        """`size`: bytes; 0 for none, which removes a file that is there. `clock`: seconds."""
        self.size = size
        self.retry = RETRY
        """Seconds between tries to allocate it."""
        self._path = path_of(ledger)
        self._ledger = ledger
        self._clock = clock
        self._tried = -self.retry
        self._is_held = True
        self._is_possible = size > 0
        if not size:
            _remove(self._path)

    def is_held(self) -> bool:
        """Check whether the room is there, and allocate it if that is possible. Log when that changes.

        True without a reserve, and if the file cannot be made for another reason than lack of room."""
        if not self._is_possible:
            return True
        held = _size(self._path) >= self.size or self._is_made()
        if held != self._is_held:
            self._is_held = held
            self._report()
        return held

    def give_up(self) -> bool:
        """Free the room; return whether there was any. It is not allocated again at once."""
        self._tried = self._clock()
        return self._is_possible and give_up(self._ledger)

    @property
    def needed(self) -> int:
        """Bytes that must be free before it is allocated: what it gives up is not at once enough to have it back."""
        return 2 * self.size

    def _is_made(self) -> bool:
        now = self._clock()
        if now < self._tried + self.retry:
            return False
        try:
            _allocate(self._path, self.size, self.needed)
        except OSError as error:
            if error.errno in _NO_ROOM:
                self._tried = now
                return False
            logger.warning("no room is reserved for the ledger %s: %s", self._ledger, error.strerror or error)
            self._is_possible = False
        return True

    def _report(self) -> None:
        if self._is_held:
            logger.warning("the disk of the ledger %s has room again, and its reserve is back", self._ledger)
            return
        logger.error(
            "the disk of the ledger %s is full, and its reserve is in use: attempts under way are kept, and new ones "
            "that a budget or limit concerns are refused until %.1f MiB are free",
            self._ledger,
            self.needed / 2**20,
        )


def path_of(ledger: Path) -> Path:
    """Return the file of a ledger's reserve, which is on the same disk as what the ledger's path leads to."""
    real = ledger.resolve()
    return real.with_name(real.name + _SUFFIX)


def give_up(ledger: Path) -> bool:
    """Free the room that is held for a ledger; return whether there was any."""
    path = path_of(ledger)
    try:
        if not path.stat().st_size:
            return False
        os.truncate(path, 0)
    except OSError:
        return False
    return True


def is_given_up(reserve: Path) -> bool:
    """Check whether the room of a reserve (see `path_of`) was freed because its disk is full."""
    return _size(reserve) == 0


def lacks_room(error: BaseException) -> bool:
    """Check whether SQLite failed for lack of room on the disk, as far as it can tell."""
    return getattr(error, "sqlite_errorcode", None) in _SQLITE_NO_ROOM


def _size(path: Path) -> int:
    """Return the bytes of a file; -1 if it does not exist."""
    try:
        return os.stat(path).st_size  # noqa: PTH116 - called for each batch
    except OSError:
        return -1


def _allocate(path: Path, size: int, needed: int) -> None:
    """Make a file of allocated bytes. Raise `OSError`, and leave it empty, unless more than that is free.

    Another process may empty it meanwhile, so nothing here makes it longer without allocating what it gets.
    """
    _check_kind(path)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | getattr(os, "O_NONBLOCK", 0), 0o600)
    try:
        _check_kind(path)
        _check_free(path, needed)
        try:
            _fill(file, size)
        except OSError:
            os.ftruncate(file, 0)
            raise
    finally:
        os.close(file)


def _check_kind(path: Path) -> None:
    """Raise `OSError` if something is there that is not a file: to open a FIFO waits for its reader."""
    with contextlib.suppress(FileNotFoundError):
        if not stat.S_ISREG(path.stat().st_mode):
            raise OSError(errno.EINVAL, f"{path} is not a regular file: move it away")


def _check_free(path: Path, needed: int) -> None:
    """Raise `OSError` if less is free. Quotas are not seen here: what they leave is what can be allocated."""
    if sys.platform == "win32":
        return
    system = os.statvfs(path)
    if system.f_blocks and system.f_bavail * system.f_frsize < needed:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _fill(file: int, size: int) -> None:
    """Have the first bytes of a file allocated: where that needs writing, by bytes that cannot be compressed."""
    if sys.platform != "win32" and sys.platform != "darwin":
        try:
            os.posix_fallocate(file, 0, size)
        except OSError as error:
            if error.errno not in _CANNOT:
                raise
        else:
            return
    written = 0
    os.lseek(file, 0, os.SEEK_SET)
    while written < size:
        written += os.write(file, os.urandom(min(_CHUNK, size - written)))
    os.fsync(file)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        logger.warning("%s is not needed any more and cannot be removed: %s", path, error)
