"""What `understudy setup` would write or restore, decided before anything is touched."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from understudy.cli.agents import files
from understudy.cli.agents.connection import Connection
from understudy.cli.agents.edits import GONE, CannotEdit, edit, read_values, value_at
from understudy.cli.agents.files import OnDisk
from understudy.cli.agents.record import Record, Written, value_digest
from understudy.cli.agents.rows import Agent, AgentFile
from understudy.domain.errors import Misuse
from understudy.domain.redaction import HIDDEN, Redactor

_MARK = "\ufeff"
_SECRET_LINE = re.compile(
    r"""((?:key|token|secret|password|authorization)["']?\s*[:=]\s*)(["']?)([^"'\s,}]+)(\2)""", re.IGNORECASE
)
_REFERENCE = re.compile(r"[A-Z][A-Z0-9_]*|\$?\{.*|null|true|false")
_LOOKS_SECRET = re.compile(r"(?:(?:sk|pk|xai)-|(?:gsk|hf|r8|ghp)_|AIza|Bearer )[\w.-]{8,}")


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A file before and after."""

    file: OnDisk
    after: bytes | None
    """`None`: it is removed."""
    mode: int
    written: Written | None = None
    """What the record says of it afterwards; `None` where it is restored."""
    backup: Path | None = None
    """An earlier backup, which is kept, or removed once it is restored."""

    @property
    def differs(self) -> bool:
        """Whether there is anything to do."""
        return self.after != self.file.data or (self.after is not None and self.mode != self.file.mode)


def plan_setup(
    agent: Agent, connection: Connection, record: Record | None, environ: Mapping[str, str], home: Path
) -> list[Change]:
    """Return the changes that lead an agent to a gateway. Raise `Misuse` for a file that cannot be changed safely."""
    return [_setup(each, connection, record, each.place(environ, home)) for each in agent.files]


def _setup(row: AgentFile, connection: Connection, record: Record | None, place: Path) -> Change:
    now = files.read(place)
    before = record.of(now.path) if record else None
    values = row.values(connection)
    try:
        base = _base(now, before)
        mark = _MARK if base.startswith(_MARK) else ""
        text = mark + edit(base.removeprefix(_MARK), row.format, values)
    except CannotEdit as error:
        raise Misuse(_by_hand(now.path, str(error), values)) from error
    holds_key = connection.key is not None and connection.token in text
    mode = files.PRIVATE if holds_key or now.mode is None else now.mode
    data = text.encode()
    return Change(
        file=now,
        after=data,
        mode=mode,
        written=Written(
            path=str(now.path),
            format=row.format,
            # The backup is what there was before only if nothing else has changed since it was made.
            digest=files.digest(data) if before is None or base == _original(before).text else "",
            values=tuple((path, value_digest(value)) for path, value in values.items()),
            backup=before.backup if before else None,
            mode=before.mode if before else now.mode,
        ),
        backup=Path(before.backup) if before and before.backup else None,
    )


def _base(now: OnDisk, before: Written | None) -> str:
    """Return the text to start from: without what an earlier setup wrote, as far as it is still there."""
    if before is None or now.data is None:
        return now.text
    original = _original(before)
    if files.digest(now.data) == before.digest:
        return original.text
    present = read_values(now.text.removeprefix(_MARK), before.format)
    ours = [path for path, digest in before.values if value_digest_of(present, path) == digest]
    return _restored(now, original, before.format, ours)


def _original(written: Written) -> OnDisk:
    """Return the file as it was before. Raise `Misuse` if its backup is missing."""
    if written.backup is None:
        return OnDisk(Path(written.path), None)
    original = files.read(Path(written.backup))
    if original.data is None:
        raise Misuse(f"the backup {written.backup} is missing: edit {written.path} by hand")
    return original


def _restored(now: OnDisk, original: OnDisk, format_: str, paths: Sequence[tuple[str, ...]]) -> str:
    """Return a text with the values at some paths as they were before."""
    before = read_values(original.text.removeprefix(_MARK), format_)
    mark = _MARK if now.text.startswith(_MARK) else ""
    return mark + edit(now.text.removeprefix(_MARK), format_, {path: value_at(before, path) for path in paths})


def _by_hand(path: Path, why: str, values: Mapping[tuple[str, ...], object]) -> str:
    names = ", ".join(".".join(each) for each in values)
    return f"{path} cannot be changed: {why}; nothing was written\n  correct the file, or set {names} in it by hand"


def plan_undo(record: Record) -> list[Change]:
    """Return the changes that restore an agent's files. Raise `Misuse` if that would lose what was changed since."""
    return [_undo(each) for each in record.files]


def _undo(written: Written) -> Change:
    now = files.read(Path(written.path))
    backup = Path(written.backup) if written.backup else None
    original = _original(written)
    mode = written.mode if written.mode is not None else files.PRIVATE
    if now.data is None and backup is not None:
        raise Misuse(f"{written.path} was removed since; its backup is {backup}")
    if now.data is None or files.digest(now.data) == written.digest:
        return Change(file=now, after=original.data, mode=mode, backup=backup)
    after = _without_ours(now, original, written)
    restored = original.data if after == original.text and backup else after.encode()
    return Change(file=now, after=restored, mode=mode, backup=backup)


def _without_ours(now: OnDisk, original: OnDisk, written: Written) -> str:
    """Return a text that was changed since, with only what was written replaced by what was there before."""
    try:
        before = read_values(original.text.removeprefix(_MARK), written.format)
        present = read_values(now.text.removeprefix(_MARK), written.format)
        changed = [
            ".".join(path)
            for path, digest in written.values
            if value_digest_of(present, path) not in (digest, value_digest_of(before, path), None)
        ]
        if changed:
            raise CannotEdit(f"{', '.join(changed)} has been changed since")
        return _restored(now, original, written.format, [path for path, _ in written.values])
    except CannotEdit as error:
        kept = f"; its backup is {written.backup}" if written.backup else ""
        raise Misuse(f"{written.path} cannot be restored: {error}; nothing was written{kept}") from error


def value_digest_of(table: object, path: tuple[str, ...]) -> str | None:
    """Return the digest of the value at a path; `None` if there is none."""
    value = value_at(table, path)
    return None if value is GONE else value_digest(value)


def diff(changes: Sequence[Change], connection: Connection | None) -> Iterator[str]:
    """Yield the lines of a unified diff, without keys."""
    redactor = Redactor([connection.key.reveal()] if connection and connection.key else [])
    for change in changes:
        after = change.after.decode(errors="replace") if change.after is not None else ""
        name = str(change.file.path)
        old, new = (name if data is not None else "/dev/null" for data in (change.file.data, change.after))
        before = change.file.text.splitlines()
        lines = difflib.unified_diff(before, after.splitlines(), old, new, lineterm="")
        for number, line in enumerate(lines):
            yield line if number < 2 else _masked(redactor.text(line))  # two lines name the file


def _masked(line: str) -> str:
    """Hide values that are keys by their name or by their form; references to variables stay."""
    line = _SECRET_LINE.sub(
        lambda found: found[0] if _REFERENCE.fullmatch(found[3]) else f"{found[1]}{found[2]}{HIDDEN}{found[4]}", line
    )
    return _LOOKS_SECRET.sub(HIDDEN, line)
