"""The shape of JSON text before it is decoded: how deep it nests, and how much its values weigh.

All that touches every byte is a call into C, and the text is scanned once, so that a hostile text costs no more than a
good one of its size.
"""

from __future__ import annotations

from array import array
from itertools import accumulate

from understudy.wire.bounds import BOUNDS, KIB, MIB, VALUE

LARGE = 256 * KIB
"""Bytes from which the values of a text are counted before it is decoded. A shorter one can weigh no more than 20 MB,
and takes at most 15 ms."""

COUNTED = 2 * KIB
"""Bytes up to which brackets are counted. Searching for each is quicker in longer text: it is thirty times as fast a
byte, and most long text is strings, with few brackets."""

OBJECT = 240
ARRAY = 88
ESCAPE = 8
"""Bytes of memory for each `{`, `[` and backslash. An escape takes no memory, but as much time as if it did."""

_WINDOW = 64 * KIB
_STRETCH = 4 * MIB
_STRUCTURE = b'[]{}",'
_REST = bytes(byte for byte in range(256) if byte not in _STRUCTURE)
_STEPS = bytes({ord("["): 1, ord("{"): 1, ord("]"): 255, ord("}"): 255}.get(byte, 0) for byte in range(256))
"""Depth that a byte adds, as signed numbers of one byte."""


class BadShape(ValueError):
    """The text nests too deeply, or holds too many values."""


def check_shape(data: bytes, *, decoded: int = BOUNDS.decoded) -> None:
    """Raise `BadShape` for nesting or values beyond the limits. Text with few brackets, which almost all is, costs two
    counts."""
    if data.count(b"[") + data.count(b"{") <= BOUNDS.depth and (len(data) <= LARGE or weight_of(data) <= decoded):
        return
    _scan(data, decoded)


def has_few_brackets(data: bytes) -> bool:
    """Check whether a long text has so few brackets that it cannot nest too deeply."""
    left = BOUNDS.depth
    for bracket in (b"[", b"{"):
        at = data.find(bracket)
        while at >= 0:
            if not left:
                return False
            left -= 1
            at = data.find(bracket, at + 1)
    return True


def weight_of(data: bytes) -> int:
    """Return an upper estimate of the bytes of memory that the values take: characters within strings count too."""
    if len(data) > _STRETCH:  # Counting in one call would hold the interpreter.
        return sum(weight_of(data[start : start + _STRETCH]) for start in range(0, len(data), _STRETCH))
    return OBJECT * data.count(b"{") + ARRAY * data.count(b"[") + VALUE * data.count(b",") + ESCAPE * data.count(b"\\")


def _scan(data: bytes, decoded: int) -> None:
    """Scan the text window by window, counting only what is outside strings.

    Without escapes every quote opens or closes a string.
    """
    depth = weight = 0
    in_string = False
    carry = b""
    for start in range(0, len(data), _WINDOW):
        window = carry + data[start : start + _WINDOW]
        # An escape is not cut in two: the backslash that begins one waits for the next window.
        carry = b"\\" if (len(window) - len(window.rstrip(b"\\"))) % 2 else b""
        if carry:
            window = window[:-1]
        weight += ESCAPE * window.count(b"\\")
        bare = window.replace(b"\\\\", b"").replace(b'\\"', b"").translate(None, _REST)
        pieces = bare.split(b'"')
        outside = b"".join(pieces[1::2] if in_string else pieces[::2])
        in_string ^= len(pieces) % 2 == 0
        weight += OBJECT * outside.count(b"{") + ARRAY * outside.count(b"[") + VALUE * outside.count(b",")
        steps = array("b", outside.translate(_STEPS, b","))
        if depth + len(steps) > BOUNDS.depth and max(accumulate(steps, initial=depth)) > BOUNDS.depth:
            raise BadShape(f"nested deeper than {BOUNDS.depth} levels")
        depth += sum(steps)
        if weight > decoded:
            raise BadShape(f"its values take more than {decoded >> 20} MiB of memory")
