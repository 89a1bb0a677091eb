"""Where the frames of zstd end (RFC 8878 §3.1), which the decoder does not report.

Frames are followed by the sizes in their headers and those of their blocks; nothing is decoded.
"""

from __future__ import annotations

from collections.abc import Callable

_MAGIC = 0xFD2FB528
_SKIPPABLE = 0x184D2A5
"""The first 28 bits of a skippable frame's magic number."""
_DICTIONARY = (0, 1, 2, 4)
_CONTENT_SIZE = (0, 2, 4, 8)
"""Bytes of a header's fields, by the two bits that announce them."""
_CHECKSUM = 4
_RUN = 1
"""The type of a block that repeats one byte."""


class Frames:
    """Follows the frames of a body as it arrives."""

    def __init__(self) -> None:
        self._step: Callable[[int], None] = self._magic
        self._needed = 4
        self._field = b""
        self._skipped = 0
        self._checksum = 0
        self._is_invalid = False

    @property
    def is_whole(self) -> bool:
        """Whether the last frame has ended. Of an invalid one nothing is known: the decoder refuses it."""
        return self._is_invalid or (self._step == self._magic and not self._field and not self._skipped)

    def feed(self, data: bytes) -> None:
        """Follow what has arrived."""
        at = 0
        while at < len(data) and not self._is_invalid:
            if self._skipped:
                size = min(self._skipped, len(data) - at)
                self._skipped -= size
            else:
                size = min(self._needed - len(self._field), len(data) - at)
                self._field += data[at : at + size]
                if len(self._field) == self._needed:
                    value, self._field = int.from_bytes(self._field, "little"), b""
                    self._step(value)
            at += size

    def _expect(self, step: Callable[[int], None], needed: int, after: int = 0) -> None:
        """Read a field of some bytes next, `after` bytes that do not matter."""
        self._step, self._needed, self._skipped = step, needed, after

    def _magic(self, value: int) -> None:
        if value == _MAGIC:
            self._expect(self._descriptor, 1)
        elif value >> 4 == _SKIPPABLE:
            self._expect(self._length, 4)
        else:
            self._is_invalid = True

    def _length(self, value: int) -> None:
        self._expect(self._magic, 4, after=value)

    def _descriptor(self, value: int) -> None:
        size, single, checked, dictionary = value >> 6, value >> 5 & 1, value >> 2 & 1, value & 3
        self._checksum = _CHECKSUM if checked else 0
        content_size = 1 if single and not size else _CONTENT_SIZE[size]
        self._expect(self._block, 3, after=(0 if single else 1) + _DICTIONARY[dictionary] + content_size)

    def _block(self, value: int) -> None:
        is_last, kind, size = value & 1, value >> 1 & 3, value >> 3
        content = 1 if kind == _RUN else size
        if is_last:
            self._expect(self._magic, 4, after=content + self._checksum)
        else:
            self._expect(self._block, 3, after=content)
