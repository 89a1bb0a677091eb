"""The file of a recording: readable JSON, one exchange after another, so that a change of it can be reviewed."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from understudy.domain.misuse import ConfigError

VERSION = 1
_NUMBERS = re.compile(r"\[\n\s+-?\d[^][{}\"]*\]")
"""A list of numbers, such as a vector, which is written in one line. Line feeds in strings are escaped."""


class Body(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A body: as JSON, else as lines of text, else in Base64."""

    json: Any = msgspec.UNSET
    text: list[str] | None = None
    """Lines, without their line feeds."""
    base64: str | None = None

    def data(self) -> bytes:
        """Return the bytes; those of JSON are written anew."""
        if self.text is not None:
            return "\n".join(self.text).encode("utf-8", "surrogatepass")
        if self.base64 is not None:
            return base64.b64decode(self.base64)
        return _dump(self.json, indent=None).encode()


class RecordedCall(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A request, without secrets."""

    method: str
    url: str
    headers: dict[str, str] = {}
    body: Body | None = None


class RecordedAnswer(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A response, without secrets."""

    status: int
    headers: dict[str, str] = {}
    body: Body | None = None
    lost: bool = False
    """Whether the connection was lost before the end."""
    seconds: list[float] | None = None
    """The waits before the head and before each piece of the body, if they were recorded."""


class Exchange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A request and its response."""

    request: RecordedCall
    response: RecordedAnswer


class Cassette(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that a file holds."""

    understudy_cassette: int
    """The version of the format."""
    exchanges: list[Exchange]


def body_of(data: bytes | None, *, streamed: bool = False) -> Body | None:
    """Return a body in the most readable form that loses nothing but the spelling of JSON."""
    if not data:
        return None
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return Body(base64=base64.b64encode(data).decode())
    if not streamed:
        try:
            return Body(json=json.loads(text))
        except ValueError:
            pass
    return Body(text=text.split("\n"))


def pieces_of(data: bytes) -> Iterator[bytes]:
    """Yield the pieces in which a body is replayed: server-sent events, or lines."""
    separator = b"\n\n" if b"\n\n" in data.replace(b"\r\n", b"\n") else b"\n"
    piece = b""
    for line in data.splitlines(keepends=True):
        piece += line
        if separator == b"\n" or not line.strip():
            yield piece
            piece = b""
    if piece:
        yield piece


def load(path: Path) -> list[Exchange]:
    """Return the exchanges of a file. Raise `ConfigError` if it is invalid."""
    try:
        found = msgspec.convert(json.loads(path.read_text(encoding="utf-8")), Cassette)
    except (msgspec.MsgspecError, ValueError) as error:
        reason = str(error)
    else:
        if found.understudy_cassette == VERSION:
            return found.exchanges
        reason = f"version {found.understudy_cassette} is unknown"
    raise ConfigError(f"{path}: the file is not a valid recording: {reason}; delete it to record it anew")


def save(path: Path, exchanges: list[Exchange]) -> None:
    """Write a file as a whole."""
    text = _dump(msgspec.to_builtins(Cassette(VERSION, exchanges)), indent=2) + "\n"
    text = _NUMBERS.sub(lambda found: " ".join(found[0].split()).replace("[ ", "[").replace(" ]", "]"), text)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    part.write_text(text, encoding="utf-8", newline="\n")
    part.replace(path)


def _dump(value: Any, *, indent: int | None) -> str:
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate, which JSON can express by an escape only
        return json.dumps(value, indent=indent)
    return text
