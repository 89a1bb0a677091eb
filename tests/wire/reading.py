"""Reads a stream to its end with one of the incremental decoders."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple, Protocol

from understudy.wire.bounds import TooLarge


class Decoder(Protocol):
    def feed(self, data: bytes, /) -> list[Any]: ...

    def close(self) -> list[Any]: ...


class Read(NamedTuple):
    values: list[Any]
    error: type[TooLarge] | None
    """The class only: where in the stream a limit was noticed may depend on the split, that it was may not."""


def read(decoder: Decoder, pieces: Iterable[bytes]) -> Read:
    values: list[Any] = []
    try:
        for piece in pieces:
            values += decoder.feed(piece)
        values += decoder.close()
    except TooLarge:
        return Read(values, TooLarge)
    return Read(values, None)
