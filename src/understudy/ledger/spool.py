"""Entries on a local disk while a server is away: on the disk before they count, and handed on by id.

Each writer has a file of its own, which it holds locked. What a process leaves that was killed is found by the next one
that has the same folder. To hand an entry on twice changes nothing, so a file is removed only when all of it has been.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Generator, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import msgspec

from understudy.domain.attempts import AttemptRecord, AttemptStart
from understudy.domain.errors import ConfigError
from understudy.ledger.rows import COLUMNS, UNFIT, entry_of, id_of, row_of, row_of_start

logger = logging.getLogger("understudy")

_SUFFIX = ".spool"
_json = msgspec.json.Decoder(list[Any])


class Part(NamedTuple):
    """Some entries of a file, in the order in which they came."""

    owner: int
    """The writer whose they are."""
    items: list[AttemptStart]


class Spool:
    """The spool of one writer. Its methods block, and raise `OSError` if the disk fails."""

    def __init__(self, folder: Path, owner: int) -> None:
        """Make the folder, which its owner alone may read. Raise `ConfigError` if that fails."""
        if (why := unusable(folder)) is not None:
            help_ = "correct spool in [llm.ledger]"
            raise ConfigError(f"the spool {folder} of the ledger cannot be used: {why}\n  {help_}")
        self.owner = owner
        self._folder = folder
        self._path = folder / f"{owner:016x}{_SUFFIX}"
        self._file: BinaryIO | None = None

    def append(self, items: Sequence[AttemptStart]) -> None:
        """Have items on the disk. One that cannot be stored is logged and left out."""
        if not items:
            return
        if self._file is None:
            self._file = _locked(self._path, os.O_CREAT)
            _sync_folder(self._folder)
        if self._file is None:
            raise OSError(f"{self._path} is locked by another process")
        self._file.write(b"".join(filter(None, map(_line, items))))
        self._file.flush()
        os.fsync(self._file.fileno())

    def parts(self, most: int) -> Generator[Part]:
        """Yield what waits, at most so many items at a time, and remove each file when all of it was taken."""
        for path in sorted(self._folder.glob(f"*{_SUFFIX}")):
            own = path == self._path
            file = self._file if own and self._file is not None else _locked(path)
            if file is None:
                continue
            try:
                file.seek(0)
                yield from _parts(file, int(path.stem, 16), most)
                path.unlink()
                _sync_folder(self._folder)
            finally:
                file.close()
                if own:
                    self._file = None

    def close(self) -> None:
        """Leave what waits to the next writer."""
        if self._file is not None:
            self._file.close()
            self._file = None


def unusable(folder: Path) -> str | None:
    """Make a folder for a spool, which its owner alone may read; return why it cannot be used, `None` if it can."""
    if find_spec("fcntl") is None:
        return "this system has no locks of files"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        return str(error)
    return None if os.access(folder, os.R_OK | os.W_OK | os.X_OK) else "it may not be written"


def _parts(file: BinaryIO, owner: int, most: int) -> Iterator[Part]:
    items: list[AttemptStart] = []
    for line in file:
        if (item := _item(line)) is not None:
            items.append(item)
        if len(items) == most:
            yield Part(owner, items)
            items = []
    if items:
        yield Part(owner, items)


def _locked(path: Path, more: int = 0) -> BinaryIO | None:
    """Open a file and lock it; `None` if another process has it, or has just removed it."""
    import fcntl

    try:
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_APPEND | more, 0o600), "a+b")
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(file.fileno()), path.stat()):
            return file
    except (BlockingIOError, FileNotFoundError):
        pass
    file.close()
    return None


def _sync_folder(folder: Path) -> None:
    """Have the names in a folder on the disk."""
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _line(item: AttemptStart) -> bytes | None:
    """Return an item as a line: its row, in JSON, with readable ids."""
    try:
        row = row_of(item, 0, opens=False) if isinstance(item, AttemptRecord) else row_of_start(item, 0, opens=False)
        return msgspec.json.encode([item.attempt_id, item.request_id, *row[2:]]) + b"\n"
    except UNFIT:
        logger.exception("the spool of the ledger cannot store an entry: %r", item)
        return None


def _item(line: bytes) -> AttemptStart | None:
    """Return the item of a line; `None` for one that a power cut left incomplete, which did not count."""
    try:
        values = _json.decode(line)
        if len(values) == len(COLUMNS) - 1:  # of a version that did not know classes
            values.insert(COLUMNS.index("class"), None)
        row = dict(zip(COLUMNS, values, strict=True))
        entry = entry_of(row | {name: id_of(row[name]) for name in ("id", "request")})
    except (ValueError, TypeError, KeyError) as error:
        logger.warning("a line of the ledger's spool cannot be read: %s", error)
        return None
    return entry.record or entry.start
