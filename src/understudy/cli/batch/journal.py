"""The output of a batch: a file that only grows, and from which an interrupted batch resumes.

Each finished line is one record, written with one system call as soon as it exists: it survives the end of the process.
`sync` forces records onto the disk; a power cut loses at most what came after it. An incomplete last record is removed
when the file is opened again. Only one process at a time may have the file open.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from understudy.cli.failing import usable
from understudy.domain.errors import Misuse
from understudy.wire import json

PREFIX = b'{"id":"batch_req_'
"""The beginning of every record; only an incomplete line that matches it may be removed."""


class Entry(msgspec.Struct, frozen=True):
    """The record of a finished line."""

    custom_id: str
    id: str
    failed: bool
    cost_usd: float | None
    number: int
    """Number of the line in the file, from 1."""


class _Response(msgspec.Struct):
    status_code: int = 0


class _Facts(msgspec.Struct):
    cost_usd: float | None = None


class _Record(msgspec.Struct):
    custom_id: str
    id: str = ""
    response: _Response | None = None
    error: Any = None
    understudy: _Facts | None = None


_decoder = msgspec.json.Decoder(_Record)


def parse_entry(data: bytes, number: int) -> Entry:
    """Parse a record. Raise `BadJson` if it is invalid."""
    record = json.decode_as(_decoder, data)
    answered = record.error is None and record.response is not None and record.response.status_code < 400
    cost = record.understudy.cost_usd if record.understudy else None
    return Entry(record.custom_id, record.id, not answered, cost, number)


class Journal:
    """The output file, open and locked."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raise `Misuse` if it cannot be the output, or if another process uses it."""
        self.path = path
        self.repaired = 0
        """Bytes of an incomplete last record that were removed."""
        self._handle = _open(path)
        self._end = os.fstat(self._handle).st_size
        self._synced = self._end

    def entries(self) -> Iterator[Entry]:
        """Yield all records, oldest first, and repair the last. Raise `Misuse` for an invalid one."""
        offset = 0
        with self._reader() as file:
            for number, data in enumerate(file, start=1):
                if not data.endswith(b"\n"):
                    yield from self._last(data, offset, number)
                elif data.strip():
                    yield self._entry(data, number)
                offset += len(data)

    def append(self, record: bytes) -> None:
        """Append a record; it survives the process once this returns. If it raises `OSError`, nothing was added."""
        rest = memoryview(record + b"\n")
        size = len(rest)
        try:
            os.lseek(self._handle, self._end, os.SEEK_SET)
            while rest:
                rest = rest[os.write(self._handle, rest) :]
        except OSError:
            # If even this fails, the next start removes the incomplete record.
            with contextlib.suppress(OSError):
                os.ftruncate(self._handle, self._end)
            raise
        self._end += size

    def sync(self) -> None:
        """Force what was appended onto the disk."""
        end = self._end
        if end != self._synced:
            os.fsync(self._handle)
            self._synced = end

    def drop(self, unwanted: Callable[[Entry], bool]) -> int:
        """Remove records and return how many. If interrupted, none is removed."""
        count = 0
        with self._reader() as old, self._replacement() as new:
            for number, data in enumerate(old, start=1):
                if data.strip() and unwanted(self._entry(data, number)):
                    count += 1
                else:
                    new.write(data)
        self._end = self._synced = os.fstat(self._handle).st_size
        return count

    def close(self) -> None:
        """Force everything onto the disk and close the file."""
        if self._handle >= 0:
            try:
                self.sync()
            finally:
                os.close(self._handle)
                self._handle = -1

    def _reader(self) -> BinaryIO:
        file = os.fdopen(os.dup(self._handle), "rb")
        file.seek(0)
        return file

    def _entry(self, data: bytes, number: int) -> Entry:
        try:
            return parse_entry(data, number)
        except json.BadJson as error:
            raise self._foreign(number, error) from error

    def _foreign(self, number: int, error: json.BadJson) -> Misuse:
        what = f"{self.path}:{number} is not a line of batch output ({error})"
        return Misuse(f"{what}: remove the line, or name another file with --output")

    def _last(self, data: bytes, offset: int, number: int) -> Iterator[Entry]:
        """Repair a last line without a line feed: complete a whole record, remove an incomplete one."""
        try:
            entry = parse_entry(data, number)
        except json.BadJson as error:
            # After a power cut the space of a record may contain zeros.
            written = data.rstrip(b"\0")
            if not (written.startswith(PREFIX) or PREFIX.startswith(written)):
                raise self._foreign(number, error) from error
            os.ftruncate(self._handle, offset)
            self.repaired = len(data)
            self._end = offset
            return
        self.append(b"")
        yield entry

    @contextlib.contextmanager
    def _replacement(self) -> Iterator[BinaryIO]:
        """Open a file that replaces this one, with its lock, once it is written."""
        handle, name = tempfile.mkstemp(dir=self.path.parent, prefix=f".{self.path.name}.")
        try:
            _lock(handle, self.path)
            with os.fdopen(os.dup(handle), "wb") as file:
                yield file
                file.flush()
                os.fsync(handle)
            Path(name).chmod(stat.S_IMODE(os.fstat(self._handle).st_mode))
            Path(name).replace(self.path)
        except BaseException:
            os.close(handle)
            Path(name).unlink(missing_ok=True)
            raise
        os.close(self._handle)
        self._handle = handle


def _open(path: Path) -> int:
    while True:
        with usable(f"--output {path}"):
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                if not stat.S_ISREG(os.fstat(handle).st_mode):
                    raise Misuse(
                        f"--output {path} must be a regular file, because an interrupted batch resumes from it"
                    )
                _lock(handle, path)
                if _same(handle, path):
                    return handle
            except BaseException:
                os.close(handle)
                raise
            # Between opening and locking, another process replaced the file.
            os.close(handle)


def _same(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _lock(handle: int, path: Path) -> None:
    """Lock a file for this process. The system releases the lock when the process ends, however that happens."""
    try:
        import fcntl
    except ImportError:  # Windows: a second process is not detected there
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Misuse(f"{path} is in use by another batch: wait until it ends, or stop it") from error
