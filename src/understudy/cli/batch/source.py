"""The input of a batch: checked completely before anything is sent, and read again line by line.

Only the custom id, the place and 64 bits of the hash of each line are kept, so a million lines fit into memory.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
from array import array
from pathlib import Path
from typing import BinaryIO, cast

from understudy.cli.batch.lines import BadLine, Line, parse_line
from understudy.cli.failing import usable
from understudy.cli.terminal import say
from understudy.domain.errors import Misuse

LARGE = 50 << 20
"""Bytes from which checking a file takes so long that it is announced."""
MAX_REPORTED = 20
"""Invalid lines that are reported; in a file of another format every line is invalid."""


class Source:
    """The lines of a batch, by their position from 0."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        """Read and check everything. Raise `Misuse` with every invalid line, up to `MAX_REPORTED`."""
        self.name = name
        self.positions: dict[str, int] = {}
        """By custom id."""
        self._file = file
        self._offsets = array("Q")
        self._numbers = array("Q")
        self._marks = array("Q")
        self._survey()

    def __len__(self) -> int:
        return len(self._offsets)

    def line(self, position: int) -> Line:
        """Read a line again. Raise `Misuse` if it is no longer the one that was checked."""
        self._file.seek(self._offsets[position])
        try:
            line = parse_line(self._file.readline())
        except BadLine:
            line = None
        if line is None or line.mark != self._marks[position]:
            raise Misuse(
                f"{self.where(position)} changed while the batch was running: run it again once the file is complete"
            )
        return line

    def where(self, position: int) -> str:
        """Return `file:line`."""
        return f"{self.name}:{self._numbers[position]}"

    def mark(self, position: int) -> int:
        """Return the `Line.mark` of a line."""
        return self._marks[position]

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _survey(self) -> None:
        problems: list[str] = []
        wrong = offset = 0
        for number, data in enumerate(self._file, start=1):
            if data.strip():
                try:
                    self._note(parse_line(data), offset, number)
                except BadLine as error:
                    wrong += 1
                    if wrong <= MAX_REPORTED:
                        problems.append(f"{self.name}:{number}: {error}")
            offset += len(data)
        if wrong > MAX_REPORTED:
            problems.append(f"… and {wrong - MAX_REPORTED} more")
        if problems:
            raise Misuse("\n".join([*problems, "nothing was sent"]))
        if not self._offsets:
            raise Misuse(f"{self.name} is empty")

    def _note(self, line: Line, offset: int, number: int) -> None:
        first = self.positions.setdefault(line.custom_id, len(self._offsets))
        if first != len(self._offsets):
            raise BadLine(f"custom_id {line.custom_id!r} is already used by line {self._numbers[first]}")
        self._offsets.append(offset)
        self._numbers.append(number)
        self._marks.append(line.mark)


def open_source(where: str) -> Source:
    """Open a file, or standard input for `-`; a copy if it cannot be read twice. Raise `Misuse` if that fails."""
    if where == "-":
        if sys.stdin is None or sys.stdin.closed or sys.stdin.isatty():
            raise Misuse("`-` reads standard input: pipe the lines in, or name a file")
        return _checked(_spooled(sys.stdin.buffer), "stdin")
    path = Path(where).expanduser()
    with usable(where):
        file: BinaryIO = path.open("rb")
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            with file:
                file = _spooled(file)
    return _checked(file, where)


def _checked(file: BinaryIO, name: str) -> Source:
    try:
        if (size := os.fstat(file.fileno()).st_size) > LARGE:
            say(f"checking {name} ({size >> 20} MB) before anything is sent", label="note")
        return Source(file, name)
    except BaseException:
        file.close()
        raise


def _spooled(stream: BinaryIO) -> BinaryIO:
    file = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the source
    shutil.copyfileobj(stream, file)
    file.seek(0)
    return cast("BinaryIO", file)
