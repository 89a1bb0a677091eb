"""The output of a batch: a file that only grows, and from which a batch that was stopped goes on.

Each finished line is one record, handed to the system in one piece as soon as it is there: whatever becomes of the
process, it stays. `sync` forces records onto the disk; what a power cut takes is at most what came after it. A record
that was cut in the middle is taken away when the file is opened again. One process at a time may have the file open.
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

from understudy.domain.errors import Misuse
from understudy.wire import json

PREFIX = b'{"id":"batch_req_'
"""How every record of ours begins, and so the only thing that may be cut away at the end of a file."""


class Entry(msgspec.Struct, frozen=True):
    """A finished line."""

    custom_id: str
    id: str
    failed: bool
    cost_usd: float | None
    number: int
    """Of its line in the file, from 1 on."""


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


def read_entry(data: bytes, number: int) -> Entry:
    """Read a record. Raises `BadJson`."""
    record = json.decode_as(_decoder, data)
    answered = record.error is None and record.response is not None and record.response.status_code < 400
    cost = record.understudy.cost_usd if record.understudy else None
    return Entry(record.custom_id, record.id, not answered, cost, number)


class Journal:
    """The output file, open and locked."""

    def __init__(self, path: Path) -> None:
        """Open the file or make it. Raises `Misuse` when it cannot be the output, or when another process has it."""
        self.path = path
        self.repaired = 0
        """Bytes of a record cut in the middle that were taken away."""
        self._handle = _open(path)
        self._end = os.fstat(self._handle).st_size
        self._synced = self._end

    def entries(self) -> Iterator[Entry]:
        """Read all records, oldest first, and repair the last. Raises `Misuse` for what is no record."""
        offset = 0
        with self._reader() as file:
            for number, data in enumerate(file, start=1):
                if not data.endswith(b"\n"):
                    yield from self._last(data, offset, number)
                elif data.strip():
                    yield self._entry(data, number)
                offset += len(data)

    def append(self, record: bytes) -> None:
        """Add a record; when this returns it outlives the process. Raises `OSError`, and then nothing was added."""
        rest = memoryview(record + b"\n")
        size = len(rest)
        try:
            os.lseek(self._handle, self._end, os.SEEK_SET)
            while rest:
                rest = rest[os.write(self._handle, rest) :]
        except OSError:
            # Where even this fails, the next start cuts the half record away.
            with contextlib.suppress(OSError):
                os.ftruncate(self._handle, self._end)
            raise
        self._end += size

    def sync(self) -> None:
        """Force what was added onto the disk."""
        end = self._end
        if end != self._synced:
            os.fsync(self._handle)
            self._synced = end

    def drop(self, unwanted: Callable[[Entry], bool]) -> int:
        """Take records away for good, and return how many. Either all of them go or, when interrupted, none."""
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
        """Force everything onto the disk and let go of the file."""
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
            return read_entry(data, number)
        except json.BadJson as error:
            raise self._foreign(number, error) from error

    def _foreign(self, number: int, error: json.BadJson) -> Misuse:
        what = f"{self.path}:{number} is no line of a batch's output ({error})"
        return Misuse(f"{what}: take the line out, or name another file with --output")

    def _last(self, data: bytes, offset: int, number: int) -> Iterator[Entry]:
        """Mend a last line that has no end: a whole record gets it, half a record goes."""
        try:
            entry = read_entry(data, number)
        except json.BadJson as error:
            # After a power cut the space of a record may hold zeros.
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
        """Open a file that takes the place of this one, lock and all, once it is written."""
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
    try:
        while True:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
            try:
                _check(handle, path)
                if _same(handle, path):
                    return handle
            except BaseException:
                os.close(handle)
                raise
            # Between opening and locking another process put a new file into its place.
            os.close(handle)
    except OSError as error:
        raise Misuse(f"--output {path}: {error.strerror or error}") from error


def _check(handle: int, path: Path) -> None:
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        raise Misuse(f"--output {path}: it must be a file, for a batch that was stopped goes on from it")
    _lock(handle, path)


def _same(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), path.stat())
    except FileNotFoundError:
        return False


def _lock(handle: int, path: Path) -> None:
    """Lock a file for this process. The system lifts the lock when the process ends, however that happens."""
    try:
        import fcntl
    except ImportError:  # Windows: a second process is not noticed there
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise Misuse(f"{path} is in use: another batch writes to it; wait for its end, or stop it") from error
