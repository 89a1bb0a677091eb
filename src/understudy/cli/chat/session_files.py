"""Sessions on disk: a file of JSON lines for each conversation, private to its user.

A line is a record (`conversation`), appended at once and never rewritten, so a crash loses at most the line being
written, and records of kinds that only a newer version knows stay in the file untouched.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

import understudy
from understudy.cli.chat.conversation import AnyRecord, Conversation, Record
from understudy.cli.chat.transcript import title
from understudy.cli.failing import usable
from understudy.cli.keeping import user_data
from understudy.domain.errors import Misuse

SUFFIX = ".jsonl"
LAST = "last"
"""Names the session that was used last."""


class Header(Record, frozen=True, kw_only=True, tag="session", omit_defaults=True):
    """The first line of a file."""

    id: str
    started: float
    """Unix seconds."""
    written_by: str = ""
    """The version of the program."""


class _Kind(msgspec.Struct):
    type: str = ""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """A session in a list of sessions."""

    id: str
    used: float
    """Unix seconds of the last record."""
    turns: int
    answered_by: str | None
    """The target that answered last, as `entry/model`."""
    title: str
    """The beginning of its first question."""


_TAGS = frozenset(each.__struct_config__.tag for each in (Header, *AnyRecord.__args__))
_DECODER = msgspec.json.Decoder(Header | AnyRecord)
_KINDS = msgspec.json.Decoder(_Kind)


def sessions_folder() -> Path | None:
    """Return the folder of session files; `None` where there is no home folder."""
    folder = user_data()
    return folder / "sessions" if folder else None


def make_private(folder: Path) -> None:
    """Create a folder that only its user may enter. Raises `OSError`."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)


def new_id(now: float) -> str:
    """Return a unique name that sorts by time."""
    return f"{time.strftime('%Y%m%d-%H%M%S', time.localtime(now))}-{secrets.token_hex(2)}"


class SessionFile:
    """A session's file while it is open: locked against a second chat, created with its first record."""

    def __init__(self, folder: Path, session: str, *, now: float) -> None:
        self.id = session
        self.path = folder / f"{session}{SUFFIX}"
        self._started = now
        self._file: int | None = None

    def write(self, *records: AnyRecord) -> None:
        """Append records, all or none. Raises `OSError`, and `ValueError` for a string that is not valid Unicode."""
        file = self.open()
        end = os.lseek(file, 0, os.SEEK_END)
        header = () if end else (Header(id=self.id, started=self._started, written_by=understudy.__version__),)
        lines = b"".join(msgspec.json.encode(record) + b"\n" for record in (*header, *records))
        try:
            while lines:
                lines = lines[os.write(file, lines) :]
            os.fsync(file)
        except OSError:
            os.ftruncate(file, end)
            raise

    def open(self) -> int:
        """Open and lock the file, and remove an incomplete last line. Raises `OSError`, `Misuse`."""
        if self._file is None:
            make_private(self.path.parent)
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o600)
            try:
                self._lock(file)
            except BaseException:
                os.close(file)
                raise
            whole = self.path.read_bytes().rfind(b"\n") + 1
            if whole < os.fstat(file).st_size:
                os.ftruncate(file, whole)
            self._file = file
        return self._file

    def close(self) -> None:
        """Close the file, so that others can open it."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _lock(self, file: int) -> None:
        try:
            import fcntl
        except ImportError:  # Windows, where two chats could write to one session
            return
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Misuse(f"the session {self.id} is open in another chat: close that chat first") from error
        except OSError:  # a file system without locks
            return


def read(path: Path) -> Conversation:
    """Read a session. Raises `Misuse` for a file that cannot be read."""
    return Conversation().apply(*_records(path))


def find(folder: Path, name: str) -> Path:
    """Return the file of a session: by its id, by the beginning of its id, or by `last`. Raises `Misuse`."""
    paths = _paths(folder)
    if not paths:
        raise Misuse(f"there are no sessions yet in {folder}")
    if name == LAST:
        return paths[0]
    if exact := [path for path in paths if path.stem == name]:
        return exact[0]
    matching = [path for path in paths if path.stem.startswith(name)]
    if len(matching) != 1:
        found = f"{len(matching)} sessions begin with" if matching else "unknown session"
        raise Misuse(f"{found} {name!r}; `understudy chat --list` shows all sessions")
    return matching[0]


def ids(folder: Path) -> list[str]:
    """Return the ids of all sessions, the last used first."""
    return [path.stem for path in _paths(folder)]


def summaries(folder: Path) -> list[Summary]:
    """Return all sessions, the last used first; a file that cannot be read is left out."""
    found = []
    for path in _paths(folder):
        with contextlib.suppress(Misuse):
            found.append(_summary(path))
    return found


def _summary(path: Path) -> Summary:
    turns = read(path).turns
    last = turns[-1] if turns else None
    return Summary(
        id=path.stem,
        used=path.stat().st_mtime,
        turns=len(turns),
        answered_by="/".join(filter(None, (last.provider, last.model))) or None if last else None,
        title=title(turns[0].question) if turns else "",
    )


def _paths(folder: Path) -> list[Path]:
    try:
        found = {path: path.stat().st_mtime for path in folder.glob(f"*{SUFFIX}")}
    except OSError:
        return []
    return sorted(found, key=lambda path: (found[path], path.name), reverse=True)


def _records(path: Path) -> Iterator[AnyRecord]:
    """Yield the records of known kinds. A line without its line break is incomplete."""
    with usable(str(path)):
        lines = path.read_bytes().split(b"\n")[:-1]
    for number, line in enumerate(lines, start=1):
        try:
            if _KINDS.decode(line).type not in _TAGS:
                continue
            record = _DECODER.decode(line)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            what = "the file is damaged, or was written by a newer version"
            raise Misuse(f"{path}:{number}: the session cannot be read: {error}\n  {what}") from error
        if not isinstance(record, Header):
            yield record
