"""What an output says about an input: which lines are finished, and whether they are the same lines still. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from understudy.cli.batch.journal import Entry
from understudy.cli.batch.lines import is_own
from understudy.cli.batch.source import Source
from understudy.domain.errors import Misuse


class Found(msgspec.Struct, kw_only=True):
    """What stands in the output."""

    finished: bytearray
    """One byte for each line of the input; 1 when it is finished."""
    failed: set[str] = msgspec.field(default_factory=set)
    """Custom ids of lines that ended in an error."""
    changed: list[str] = msgspec.field(default_factory=list)
    """Custom ids whose answers are those to other requests."""
    strangers: int = 0
    """Answers of lines that are not in the input."""
    spent: int = 0
    """Nano-USD, as far as known."""
    first_changed: str = ""
    """Where the first of them stands in the input."""

    def complaint(self, output: Path) -> str:
        """Return what is wrong when lines were changed, and what to do."""
        count = len(self.changed)
        what = "line asks" if count == 1 else "lines ask"
        return (
            f"{self.first_changed}: {count} {what} something else than what {output} has an answer to under the same "
            "custom_id: name another --output, or ask them again with --retry-changed; nothing was sent"
        )


def compare(lines: Source, entries: Iterable[Entry]) -> Found:
    """Mark what is finished. Raises `Misuse` when a line was answered twice, which never happens here."""
    found = Found(finished=bytearray(len(lines)))
    for entry in entries:
        found.spent += round((entry.cost_usd or 0) * 1e9)
        position = lines.positions.get(entry.custom_id)
        if position is None:
            found.strangers += 1
            continue
        if found.finished[position]:
            raise Misuse(f"line {entry.number} of the output answers {entry.custom_id!r} a second time: take one out")
        found.finished[position] = 1
        if entry.failed:
            found.failed.add(entry.custom_id)
        if is_own(entry.id) and int(entry.id[-16:], 16) != lines.mark(position):
            found.changed.append(entry.custom_id)
            found.first_changed = found.first_changed or lines.where(position)
    return found
