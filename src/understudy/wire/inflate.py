"""Decompression of a body as it arrives, bounded: a small body that inflates without end is refused early."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Any

from understudy.wire.bounds import BOUNDS, MIB, Bounds, TooLarge

PIECE = 16 << 10
"""Bytes returned at once, at most."""

FREE = MIB
"""Decompressed bytes for which the ratio is not checked: a short repetitive text may compress to almost nothing."""

_GZIP = 16 + zlib.MAX_WBITS
_RAW = -zlib.MAX_WBITS


class BadCoding(ValueError):
    """The bytes are not valid in the coding that the response names, or the coding is not supported."""


def coding_of(header: str) -> str | None:
    """Return the coding of a `content-encoding` header: `gzip`, `deflate`, or `None` if the body is not compressed.

    Raise `BadCoding` for any other, and for more than one.
    """
    codings = [coding for word in header.lower().split(",") if (coding := word.strip()) not in ("", "identity")]
    if not codings:
        return None
    match codings:
        case ["gzip" | "x-gzip"]:
            return "gzip"
        case ["deflate"]:
            return "deflate"
    words = ", ".join(codings)[:60]
    raise BadCoding(f"the response is compressed with {words!r}, which is not supported; gzip and deflate are")


class Inflater:
    """Compressed bytes in, pieces of at most 16 KiB out. `deflate` may be wrapped in zlib's format or not: servers do
    both (RFC 9110 §8.4.1.2). gzip may consist of several members (RFC 1952 §2.2)."""

    __slots__ = ("_bounds", "_coding", "_decoder", "_first", "_read", "_written")

    def __init__(self, coding: str, bounds: Bounds = BOUNDS) -> None:
        self._coding = coding
        self._bounds = bounds
        self._decoder = zlib.decompressobj(_GZIP) if coding == "gzip" else None
        self._first = b""
        """The first byte of `deflate`, until the second one shows which format it is."""
        self._read = 0
        self._written = 0

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield what more bytes decompress to. Raise `TooLarge`, and `BadCoding`."""
        self._read += len(data)
        if self._read > self._bounds.stream:
            raise TooLarge(f"the response exceeds {self._bounds.stream} bytes, compressed")
        data = self._first + data
        if self._decoder is None:
            if len(data) < 2:
                self._first = data
                return
            self._first = b""
            wrapped = data[0] & 0x0F == zlib.DEFLATED and int.from_bytes(data[:2], "big") % 31 == 0
            self._decoder = zlib.decompressobj(zlib.MAX_WBITS if wrapped else _RAW)
        decoder, pending = self._decoder, False
        while data or pending:
            if decoder.eof:
                decoder = self._next_member(data)
            try:
                piece = decoder.decompress(data, PIECE)
            except zlib.error as error:
                raise BadCoding(f"the response is not valid {self._coding}: {error}") from error
            data = decoder.unconsumed_tail or decoder.unused_data
            pending = len(piece) == PIECE and not decoder.eof
            if piece:
                self._written += len(piece)
                if self._written > FREE and self._written > self._bounds.ratio * self._read:
                    raise TooLarge(f"the response decompresses to more than {self._bounds.ratio} times its size")
                yield piece

    def close(self) -> bool:
        """Check whether the compressed data was complete."""
        if self._decoder is None:
            return not self._first
        return self._decoder.eof or self._read == 0

    def _next_member(self, data: bytes) -> Any:
        if self._coding != "gzip" or not data.startswith(b"\x1f\x8b"[: len(data)]):
            raise BadCoding(f"bytes follow the end of the {self._coding} data")
        self._decoder = zlib.decompressobj(_GZIP)
        return self._decoder
