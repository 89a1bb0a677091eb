"""Spoils recorded bodies: values of their JSON replaced one by one, and their bytes changed at random."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

from tests.contract.framing import frames

DEEP: Any = "deep"
for _ in range(70):
    DEEP = [DEEP]

ODD: tuple[Any, ...] = ([], {}, None, 1, "x", True, -1, 1.5, [None], {"type": []}, "https://[", "\ud83d")
LITERALS = (b"1e400", b"NaN", b"-Infinity", b'"\\ud83d"', json.dumps(DEEP).encode())
MARK = "\x00a value to be replaced\x00"
_MARKED = json.dumps(MARK).encode()

Path = tuple[str | int, ...]


def paths(value: Any, here: Path = ()) -> Iterator[Path]:
    """All places of a JSON value, its own included."""
    yield here
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from paths(item, (*here, key))


def replaced(value: Any, path: Path, new: Any) -> Any:
    """The value with another at one of its places."""
    if not path:
        return new
    key, *rest = path
    if isinstance(value, dict):
        return {name: replaced(item, tuple(rest), new) if name == key else item for name, item in value.items()}
    return [replaced(item, tuple(rest), new) if at == key else item for at, item in enumerate(value)]


class Body:
    """A body as pieces, of which those that hold JSON can be spoiled."""

    def __init__(self, body: bytes) -> None:
        self.is_stream = body.startswith((b"data:", b"event:", b":", b"id:")) or b"\n{" in body.strip()[1:]
        lines = body.startswith(b"{")
        self.pieces = frames(body, lines=lines) if self.is_stream else [body]
        self.values = {at: found for at, piece in enumerate(self.pieces) if (found := _value(piece)) is not None}
        self.places = [(at, path) for at, (_, value, _) in self.values.items() for path in paths(value)]

    def spoiled(self, at: int, path: Path, odd: Any) -> bytes:
        """The body with one value replaced, by bytes as they stand."""
        before, value, after = self.values[at]
        if isinstance(odd, bytes):
            data = json.dumps(replaced(value, path, MARK)).encode().replace(_MARKED, odd)
        else:
            data = json.dumps(replaced(value, path, odd)).encode()
        return b"".join([*self.pieces[:at], before + data + after, *self.pieces[at + 1 :]])


def _value(piece: bytes) -> tuple[bytes, Any, bytes] | None:
    start = piece.find(b"data:")
    start = start + 5 if start >= 0 and not piece.lstrip().startswith((b"{", b"[")) else 0
    text = piece[start:]
    try:
        return piece[:start], json.loads(text), b"\n\n" if start else b"\n"
    except ValueError:
        return None


def structural(body: Body, dice: random.Random) -> bytes:
    """Replace a value, or drop, double or swap whole events."""
    places = body.places
    kind = dice.random()
    if places and kind < 0.7:
        at, path = dice.choice(places)
        return body.spoiled(at, path, dice.choice((*ODD, *LITERALS)))
    pieces = [*body.pieces]
    at, other = dice.randrange(len(pieces)), dice.randrange(len(pieces))
    if kind < 0.8:
        del pieces[at]
    elif kind < 0.9:
        pieces.insert(other, pieces[at])
    else:
        pieces[at], pieces[other] = pieces[other], pieces[at]
    return b"".join(pieces)


_TOKENS = (
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"\\",
    b",",
    b":",
    b"\n",
    b"\r",
    b"\n\n",
    b"data:",
    b"null",
    b"\x00",
    b"\xff",
    b"\xf0",
)
_CHANGES: tuple[Callable[[bytes, int, random.Random], bytes], ...] = (
    lambda data, at, dice: data[:at] + bytes([dice.randrange(256)]) + data[at + 1 :],
    lambda data, at, dice: data[:at] + dice.choice(_TOKENS) + data[at:],
    lambda data, at, dice: data[:at] + data[at + dice.randrange(1, 40) :],
    lambda data, at, dice: data[: at + 20] + data[at:],
    lambda data, at, dice: data[:at],
)


def by_bytes(data: bytes, dice: random.Random) -> bytes:
    """Change a few bytes."""
    for _ in range(dice.choice((1, 1, 2, 5))):
        data = dice.choice(_CHANGES)(data, dice.randrange(len(data) + 1), dice)
    return data


def cut(data: bytes, dice: random.Random) -> list[bytes]:
    """Cut at random, into few pieces or many."""
    places = sorted({dice.randrange(1, len(data)) for _ in range(dice.choice((1, 2, 9)))}) if len(data) > 1 else []
    return [data[start:end] for start, end in zip([0, *places], [*places, len(data)], strict=True)]
