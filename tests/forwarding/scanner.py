"""A scanner of JSON objects, byte by byte: the judge of what was changed in a body. It shares no code with the library,
and none with `json`."""

from __future__ import annotations

from typing import NamedTuple

BLANKS = b" \t\r\n"
_ESCAPES = {ord(b'"'): '"', ord(b"\\"): "\\", ord(b"/"): "/", ord(b"b"): "\b", ord(b"f"): "\f"}
_ESCAPES |= {ord(b"n"): "\n", ord(b"r"): "\r", ord(b"t"): "\t"}


class Member(NamedTuple):
    key: str
    start: int
    """The quote of the key."""
    value: int
    end: int
    """Behind the value."""


class Scanned(NamedTuple):
    members: list[Member]
    data: bytes

    def value(self, key: str) -> bytes:
        """The bytes of the last member with a key."""
        found = [member for member in self.members if member.key == key]
        return self.data[found[-1].value : found[-1].end]

    @property
    def keys(self) -> list[str]:
        return [member.key for member in self.members]


def scan(data: bytes) -> Scanned:
    """The members of the object that a text is."""
    at = 3 if data[:3] == b"\xef\xbb\xbf" else 0
    at = _blanks(data, at)
    assert data[at] == ord("{"), data[at : at + 9]
    at = _blanks(data, at + 1)
    members: list[Member] = []
    while data[at] != ord("}"):
        if members:
            assert data[at] == ord(","), data[at : at + 9]
            at = _blanks(data, at + 1)
        start = at
        key, at = _string(data, at)
        at = _blanks(data, at)
        assert data[at] == ord(":"), data[at : at + 9]
        value = _blanks(data, at + 1)
        end = _value(data, value)
        members.append(Member(key, start, value, end))
        at = _blanks(data, end)
    assert _blanks(data, at + 1) == len(data)
    return Scanned(members, data)


def _blanks(data: bytes, at: int) -> int:
    while at < len(data) and data[at] in BLANKS:
        at += 1
    return at


def _string(data: bytes, at: int) -> tuple[str, int]:
    assert data[at] == ord('"'), data[at : at + 9]
    at += 1
    pieces: list[str] = []
    while data[at] != ord('"'):
        if data[at] != ord("\\"):
            end = at + 1
            while data[end] & 0xC0 == 0x80:
                end += 1
            pieces.append(data[at:end].decode())
            at = end
        elif data[at + 1] == ord("u"):
            pieces.append(chr(int(data[at + 2 : at + 6], 16)))
            at += 6
        else:
            pieces.append(_ESCAPES[data[at + 1]])
            at += 2
    return "".join(pieces), at + 1


def _value(data: bytes, at: int) -> int:
    """The end of the value that begins here."""
    if data[at] == ord('"'):
        return _string(data, at)[1]
    depth = 0
    while True:
        byte = data[at] if at < len(data) else ord("}")
        if byte == ord('"'):
            at = _string(data, at)[1]
            continue
        if depth == 0 and (byte in BLANKS or byte in b",]}"):
            return at
        depth += (byte in b"[{") - (byte in b"]}")
        at += 1
        if depth == 0 and byte in b"]}":
            return at
