"""Compares an output with an input: which lines are finished, and whether they are still the same. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from understudy.cli.batch.journal import Entry
from understudy.cli.batch.lines import is_own
from understudy.cli.batch.source import Source
from understudy.domain.errors import Misuse


class Found(msgspec.Struct, kw_only=True):
    """What the output contains."""

    finished: bytearray
    """One byte for each line of the input; 1 if it is finished."""
    failed: set[str] = msgspec.field(default_factory=set)
    """Custom ids of lines that ended in an error."""
    changed: list[str] = msgspec.field(default_factory=list)
    """Custom ids whose answers belong to different requests."""
    strangers: int = 0
    """Answers of lines that are not in the input."""
    spent: int = 0
    """Nano-USD, the known part."""
    first_changed: str = ""
    """Place of the first of them in the input."""

    def complaint(self, output: Path) -> str:
        """Return what is wrong if lines were changed, and what to do."""
        count = len(self.changed)
        what = "request differs" if count == 1 else "requests differ"
        return (
            f"{self.first_changed}: {count} {what} from the one answered in {output} under the same custom_id: name "
            "another --output, or retry them with --retry-changed; nothing was sent"
        )


def compare(lines: Source, entries: Iterable[Entry]) -> Found:
    """Mark finished lines. Raise `Misuse` if a line was answered twice, which this command never does."""
    found = Found(finished=bytearray(len(lines)))
    for entry in entries:
        found.spent += round((entry.cost_usd or 0) * 1e9)
        position = lines.positions.get(entry.custom_id)
        if position is None:
            found.strangers += 1
            continue
        if found.finished[position]:
            raise Misuse(
                f"line {entry.number} of the output answers {entry.custom_id!r} a second time: remove one of them"
            )
        found.finished[position] = 1
        if entry.failed:
            found.failed.add(entry.custom_id)
        if is_own(entry.id) and int(entry.id[-16:], 16) != lines.mark(position):
            found.changed.append(entry.custom_id)
            found.first_changed = found.first_changed or lines.where(position)
    return found
