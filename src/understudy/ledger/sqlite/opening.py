"""Opens the file: who may read it, which modes it has, and what is wrong if it cannot be opened."""

from __future__ import annotations

import errno
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from understudy.domain.errors import ConfigError
from understudy.ledger.holds import LedgerUnavailable
from understudy.ledger.sqlite.migrations import is_older, migrate
from understudy.ledger.sqlite.place import Place
from understudy.ledger.sqlite.reserve import give_up, lacks_room

BUSY = 10.0
"""Seconds to wait for another process that writes."""
_PAUSE = 0.02
"""Seconds between tries to open a file that another process is opening."""
SETTLED = 1.0
"""Seconds that a file must be missing before it is made again: the files beside it may be deleted next, or another one
put in its place. Where a ledger is written, its writer does it sooner."""
_WAL_LIMIT = 64 * 2**20
"""Bytes to which the write-ahead log is cut back once it was longer."""


def open_for_writing(path: Path) -> sqlite3.Connection:
    """Open or make the file, which its owner alone may read, and bring it to the newest schema.

    Raise `ConfigError` with what is wrong and what to do.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        make_file(path)
    except OSError as error:
        raise _cannot(path, error.strerror or str(error)) from error
    connection = _connect(path)
    try:
        _prepare(connection, path)
    except sqlite3.Error as error:
        connection.close()
        raise _failed(path, error) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    """Set the modes of a file and bring it to the newest schema.

    SQLite does not wait for another connection that changes the journal mode at the same moment, so this does. On a
    full disk the memory that processes share needs the reserve.
    """
    patience = time.monotonic() + BUSY
    while True:
        try:
            _set_modes(connection, path)
            migrate(connection)
        except sqlite3.OperationalError as error:
            if lacks_room(error) and give_up(path):
                continue
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > patience:
                raise
            time.sleep(_PAUSE)
        else:
            return


def _set_modes(connection: sqlite3.Connection, path: Path) -> None:
    if not connection.execute("PRAGMA page_count").fetchone()[0]:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")  # has an effect on an empty file only
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    if mode != "wal":
        raise _cannot(path, "its file system has no shared memory, as a network drive", "put it on a local disk")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA journal_size_limit = {_WAL_LIMIT}")


def use_wal(connection: sqlite3.Connection, patience: float) -> str:
    """Have a file keep a write-ahead log, and return the journal mode that it has then.

    SQLite does not wait for another connection that changes the mode at the same moment, whatever its time-out is, so
    this does: for at most `patience` seconds, blocking. Raise `sqlite3.OperationalError` after that.
    """
    until = time.monotonic() + patience
    while True:
        try:
            return str(connection.execute("PRAGMA journal_mode = WAL").fetchone()[0])
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(_PAUSE)


def make_file(path: Path) -> None:
    """Make an empty file, which its owner alone may read, unless it exists. Raise `OSError` if it cannot be used.

    A file that exists is not opened: on POSIX, to close any descriptor of it would give up all locks that other
    connections of this process have on it (https://www.sqlite.org/howtocorrupt.html, section 2.2).
    """
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR)) from None
        if not os.access(path, os.R_OK | os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES)) from None


def open_for_reading(path: Path) -> sqlite3.Connection:
    """Open the file to read it; rows are mappings. Raise `ConfigError`, also if there is no file."""
    if not path.exists():
        raise ConfigError(f"there is no ledger at {path}\n  it is made by the first request")
    connection = connect_for_reading(path)
    connection.row_factory = sqlite3.Row
    try:
        connection.execute("SELECT 1 FROM days LIMIT 1")
        if is_older(connection):  # what is read is named as in the newest schema
            open_for_writing(path).close()
    except sqlite3.Error as error:
        connection.close()
        raise _failed(path, error) from error
    return connection


def connect_for_reading(path: Path) -> sqlite3.Connection:
    """Open the file to read it, whatever is in it. Raise `ConfigError`."""
    return _connect(path, "?mode=ro")


def damaged(path: Path, why: str, *, opens: bool) -> ConfigError:
    """Return the error for a file whose contents are damaged. `opens`: whether SQLite can open it to find the rest."""
    more = "; `understudy ledger verify` shows what is wrong" if opens else ""
    return ConfigError(
        f"the ledger {path} is damaged: {why}\n"
        f"  nothing in it was changed{more}\n"
        f"  put a copy in its place, or move {path.name} away, with {path.name}-wal if that exists, to begin a new one"
    )


class File:
    """A connection to the file, which is opened when it is needed and may be closed meanwhile. A file that was deleted
    or replaced is not used any more: the next use opens the one at its path, or makes it."""

    def __init__(self, path: Path, *, durable: bool = False, only_reads: bool = False) -> None:
        """Open the file, or make it. `durable`: whether a commit survives a power cut. `only_reads`: nothing is written
        then, and a file that does not exist is as an empty one. Raise `ConfigError`."""
        self.path = path
        self._durable = durable
        self._only_reads = only_reads
        self._opened: sqlite3.Connection | None = None
        self._place = Place(path)
        self._missed: float | None = None
        """When it was first seen that no file is there any more, in seconds of the monotonic clock."""
        self.connection()

    def connection(self) -> sqlite3.Connection:
        """Return the open connection. Raise `ConfigError` if the file cannot be opened."""
        if self._opened is not None and not self._only_reads and self._place.has_moved():
            self._leave(self._opened)
        if self._opened is None and self._only_reads:
            is_empty = not self.path.exists() or not self.path.stat().st_size
            self._opened = _nothing() if is_empty else open_for_reading(self.path)
        elif self._opened is None:
            self._opened = open_for_writing(self.path)
            self._place.note()
            if self._durable:
                self._opened.execute("PRAGMA synchronous = FULL")
        return self._opened

    def _leave(self, opened: sqlite3.Connection) -> None:
        """Close a file that is not at its path any more. Raise `LedgerUnavailable` if none is there, for a moment."""
        now = time.monotonic()
        self._missed = self._missed if self._missed is not None and self._place.is_empty else now
        if self._place.is_empty and now < self._missed + SETTLED:
            raise LedgerUnavailable(f"the ledger {self.path} was deleted while it was in use")
        self._place.leave(opened)
        self._opened = self._missed = None

    def close(self) -> None:
        """Close it, until the next use."""
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Read. Raise `LedgerUnavailable` if the file cannot be read."""
        try:
            connection = self.connection()
        except ConfigError as error:
            raise LedgerUnavailable(error.message) from error
        try:
            yield connection
        except sqlite3.Error as error:
            raise LedgerUnavailable(f"the ledger {self.path} cannot be used: {error}") from error

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Write in one transaction. Raise `LedgerUnavailable` if the file cannot be written."""
        with self.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise


def _nothing() -> sqlite3.Connection:
    """Return a ledger without entries, in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    migrate(connection)
    return connection


def _connect(path: Path, how: str = "") -> sqlite3.Connection:
    uri = path.absolute().as_uri() + how
    try:
        return sqlite3.connect(uri, uri=True, timeout=BUSY, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:  # a disk that fails already at the first look
        raise _cannot(path, str(error)) from error


def _failed(path: Path, error: sqlite3.Error) -> ConfigError:
    """Return the error for a file that SQLite cannot use."""
    if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_CORRUPT:
        return damaged(path, str(error), opens=False)
    return _cannot(path, str(error))


def _cannot(path: Path, why: str, help_: str = "") -> ConfigError:
    help_ = help_ or "correct path in [llm.ledger], or set enabled = false there"
    return ConfigError(f"the ledger {path} cannot be opened: {why}\n  {help_}")
