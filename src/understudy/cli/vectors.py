"""Output formats of `understudy embed`: a JSON object, JSON lines, or an array that NumPy reads."""

from __future__ import annotations

import abc
import enum
import shutil
import sys
import tempfile
from array import array
from collections.abc import Sequence
from typing import IO, Any

import msgspec

from understudy.reports.results import Report

Vectors = Sequence[Sequence[float]]
IN_MEMORY = 64 << 20
"""Bytes of a JSON object that are kept in memory until it is complete; beyond that, in a temporary file."""


class Format(enum.StrEnum):
    """The output formats."""

    JSON = "json"
    JSONL = "jsonl"
    NPY = "npy"


class Writer(abc.ABC):
    """Writes vectors as they arrive."""

    @abc.abstractmethod
    def add(self, vectors: Vectors) -> None:
        """Write the next vectors."""

    def finish(self, report: Report) -> None:  # noqa: B027 - not every format has an end
        """Write the end, if the format has one."""

    def close(self) -> None:  # noqa: B027 - not every format keeps something
        """Release what is kept beside the file, whether finished or not."""


def writer_of(form: Format, file: IO[bytes], texts: Sequence[str]) -> Writer:
    """Return the writer for vectors of these texts."""
    match form:
        case Format.JSON:
            return JsonWriter(file)
        case Format.JSONL:
            return LinesWriter(file, texts)
        case Format.NPY:
            return NpyWriter(file, len(texts))


class JsonWriter(Writer):
    """Writes one object, all of it or nothing."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._vectors: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - see `close`
        self._ahead = b""

    def add(self, vectors: Vectors) -> None:
        """Keep the next vectors."""
        for vector in vectors:
            self._vectors.write(self._ahead + msgspec.json.encode(vector))
            self._ahead = b","

    def finish(self, report: Report) -> None:
        """Write the object."""
        self._file.write(msgspec.json.encode(report).removesuffix(b"}") + b',"embeddings":[')
        self._vectors.seek(0)
        shutil.copyfileobj(self._vectors, self._file)
        self._file.write(b"]}\n")

    def close(self) -> None:
        """Release the vectors that were kept."""
        self._vectors.close()


class LinesWriter(Writer):
    """Writes one object per text: `index`, `text`, `embedding`."""

    def __init__(self, file: IO[bytes], texts: Sequence[str]) -> None:
        self._file = file
        self._texts = texts
        self._index = 0

    def add(self, vectors: Vectors) -> None:
        """Write the next lines."""
        for vector in vectors:
            line: dict[str, Any] = {"index": self._index, "text": self._texts[self._index], "embedding": vector}
            self._file.write(msgspec.json.encode(line) + b"\n")
            self._index += 1
        self._file.flush()


class NpyWriter(Writer):
    """Writes NumPy's format, version 1.0: an array of 32-bit floats, one row per text.

    Source: NumPy, "numpy.lib.format". Written by hand, because a header of a few bytes is not worth a dependency.
    """

    def __init__(self, file: IO[bytes], count: int) -> None:
        self._file = file
        self._count = count
        self._begun = False

    def add(self, vectors: Vectors) -> None:
        """Write the next rows, and the header before the first."""
        if not self._begun:
            self._begun = True
            self._file.write(npy_header(self._count, len(vectors[0])))
        for vector in vectors:
            row = array("f", vector)
            if sys.byteorder == "big":
                row.byteswap()
            self._file.write(row.tobytes())


def npy_header(rows: int, columns: int) -> bytes:
    """Return the header of an array; its length is a multiple of 64, so that the data can be memory-mapped."""
    described = f"{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}".encode("ascii")
    magic = b"\x93NUMPY\x01\x00"
    padding = -(len(magic) + 2 + len(described) + 1) % 64
    size = len(described) + padding + 1
    return magic + size.to_bytes(2, "little") + described + b" " * padding + b"\n"
