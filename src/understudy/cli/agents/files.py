"""Configuration files on disk: read whole, replaced at once, links followed and kept."""

from __future__ import annotations

import hashlib
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

import msgspec

from understudy.cli.failing import usable
from understudy.domain.errors import Misuse

_SUFFIX = ".understudy-backup"
PRIVATE = 0o600


class OnDisk(msgspec.Struct, frozen=True):
    """A file as it is: the file itself, where `path` is a link to it."""

    path: Path
    data: bytes | None
    """`None` if there is no file."""
    mode: int | None = None

    @property
    def text(self) -> str:
        """The text. Raise `Misuse` if it is not UTF-8."""
        try:
            return (self.data or b"").decode("utf-8")
        except UnicodeDecodeError as error:
            raise Misuse(f"{self.path} is not UTF-8 and cannot be changed safely") from error


def read(path: Path) -> OnDisk:
    """Read a file. Raise `Misuse` if it exists and cannot be read."""
    real = Path(os.path.realpath(path))
    with usable(str(path)):
        try:
            return OnDisk(real, real.read_bytes(), stat.S_IMODE(real.stat().st_mode))
        except FileNotFoundError:
            return OnDisk(real, None)


def replace(path: Path, data: bytes, mode: int) -> None:
    """Replace a file at once, so that nobody ever sees half of it. Raise `Misuse` if that is not possible."""
    with usable(str(path)):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)  # only the user can read it
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            _keep_owner(Path(name), path)
            Path(name).chmod(mode)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def _keep_owner(new: Path, old: Path) -> None:
    """Give the owner of the old file to the new one, as far as the system allows it."""
    if hasattr(os, "chown"):
        with suppress(OSError):
            there = old.stat()
            os.chown(new, there.st_uid, there.st_gid)


def back_up(file: OnDisk) -> Path | None:
    """Write a copy beside a file and return its path; `None` if there is no file."""
    if file.data is None or file.mode is None:
        return None
    place = file.path.with_name(file.path.name + _SUFFIX)
    number = 2
    while place.exists() and place.read_bytes() != file.data:
        place = file.path.with_name(f"{file.path.name}{_SUFFIX}-{number}")
        number += 1
    replace(place, file.data, file.mode)
    return place


def digest(data: bytes) -> str:
    """Return what identifies a content without holding it."""
    return hashlib.sha256(data).hexdigest()
