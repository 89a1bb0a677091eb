"""What the gateway remembers of answers beyond their requests: in this process, and in a file that processes share.

Each fact is a pair of words under a name, such as the caller and the entry of a stored response. Names are kept as
hashes, so neither the file nor a dump of the process shows an id that a caller holds. The file is SQLite's: it may be
written by several processes at once, and outlives them. Reading and writing take some tens of microseconds, on the
event loop.
"""

from __future__ import annotations

import hashlib
import logging
import sqlite3
import time
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Literal

from understudy.domain.bounded import BoundedDict
from understudy.domain.misuse import ConfigError
from understudy.ledger.sqlite.opening import make_file, use_wal
from understudy.wire.bounds import MIB

log = logging.getLogger("understudy.gateway")

Shelf = Literal["kept", "signed", "item"]
"""What is remembered: who has a stored response, who signed something, or an item of an answer."""
Pair = tuple[str, str]

REMEMBERED = 50_000
"""Facts that a process holds, in some ten megabytes; the file holds the others."""
HELD = 32 * MIB
"""Bytes that a process holds besides: thousands of long answers."""
LIFETIME = 30 * 24 * 3600
"""Seconds: OpenAI keeps a response for 30 days (https://developers.openai.com/api/docs/guides/your-data)."""
_PATIENCE = 1.0
"""Seconds for which another process that writes is waited for."""
_TABLE = """
CREATE TABLE IF NOT EXISTS remembered
    (name BLOB PRIMARY KEY, first TEXT NOT NULL, second TEXT NOT NULL, at INTEGER NOT NULL) WITHOUT ROWID
"""


class Held:
    """Bytes under names, up to a limit of all; the oldest are dropped."""

    def __init__(self, most: int = HELD) -> None:
        self._most = most
        self._size = 0
        self._found: OrderedDict[str, bytes] = OrderedDict()

    def put(self, name: str, data: bytes) -> None:
        """Hold something."""
        self._size += len(data) - len(self._found.pop(name, b""))
        self._found[name] = data
        while self._size > self._most:
            self._size -= len(self._found.popitem(last=False)[1])

    def get(self, name: str) -> bytes | None:
        """Return what is held; `None` if that is nothing."""
        return self._found.get(name)


class Memory:
    """Pairs of words under names."""

    def __init__(self, path: Path | None = None) -> None:
        """`path`: the file; without one, only this process remembers. Raise `ConfigError` if it cannot be used."""
        self.held = Held()
        """What is too large for so many facts."""
        self._recent: BoundedDict[bytes, Pair] = BoundedDict(REMEMBERED)
        self._path = path
        self._file: sqlite3.Connection | None = None
        if path is not None:
            try:
                self._file = _open(path)
            except (OSError, sqlite3.Error) as error:
                raise ConfigError(f"state_file {path} cannot be used: {error}") from error

    @property
    def path(self) -> Path | None:
        """The file; `None` if only this process remembers."""
        return self._path

    @property
    def is_shared(self) -> bool:
        """Whether there is a file."""
        return self._path is not None

    def put(self, shelf: Shelf, names: Iterable[str], pair: Pair, *, held: bool = True) -> None:
        """Remember something under names. `held`: in this process, too."""
        keys = [_key(shelf, name) for name in names]
        for key in keys if held else ():
            self._recent[key] = pair
        if (file := self._opened()) is None or not keys:
            return
        rows = [(key, *pair, int(time.time())) for key in keys]
        try:
            file.executemany("INSERT OR REPLACE INTO remembered VALUES (?, ?, ?, ?)", rows)
        except sqlite3.Error as error:
            self._note(error)

    def get(self, shelf: Shelf, names: Iterable[str], *, held: bool = True) -> Mapping[str, Pair]:
        """Return what is remembered under names; those that are unknown are left out. `held`: in this process, too."""
        keys = {name: _key(shelf, name) for name in names}
        found = {name: pair for name, key in keys.items() if (pair := self._recent.get(key)) is not None}
        if len(found) < len(keys) and (file := self._opened()) is not None:
            try:
                for name in keys.keys() - found.keys():
                    row = file.execute("SELECT first, second FROM remembered WHERE name = ?", (keys[name],)).fetchone()
                    if row is not None:
                        found[name] = row
                        if held:
                            self._recent[keys[name]] = row
            except sqlite3.Error as error:
                self._note(error)
        return found

    def close(self) -> None:
        """Close the file, which the next use opens again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _opened(self) -> sqlite3.Connection | None:
        if self._file is None and self._path is not None:
            try:
                self._file = _open(self._path)
            except (OSError, sqlite3.Error) as error:
                self._note(error)
        return self._file

    def _note(self, error: Exception) -> None:
        """Log that the file failed. What this process has seen itself is remembered all the same."""
        log.error("state_file %s could not be used: %s", self._path, error)


def _open(path: Path) -> sqlite3.Connection:
    """Open the file, for this user alone, and drop what is too old."""
    make_file(path)
    file = sqlite3.connect(path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
    try:
        use_wal(file, _PATIENCE)
        file.execute("PRAGMA synchronous = NORMAL")
        file.execute(_TABLE)
        file.execute("DELETE FROM remembered WHERE at < ?", (int(time.time()) - LIFETIME,))
    except sqlite3.Error:
        file.close()
        raise
    return file


def _key(shelf: Shelf, name: str) -> bytes:
    return hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=16, person=shelf.encode()).digest()
