"""Checks of every answer with vectors, in all dialects: one finite vector per string, all of one length, in order.

A vector in the wrong place, or of another embedding space, silently corrupts an index.
"""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from understudy.domain.fold import usage_warnings
from understudy.domain.responses import EmbeddingResponse
from understudy.wire.json import BadJson, convert

Vector = tuple[float, ...]


def checked_vectors(vectors: Iterable[Sequence[float]], expected: int) -> tuple[Vector, ...]:
    """Return the vectors of `expected` strings; 0 means that their number is unknown.

    Raises `BadJson` if some are missing or empty, differ in length, or contain a number that is not finite.
    """
    found = tuple(map(tuple, vectors))
    if expected and len(found) != expected:
        raise BadJson(f"{len(found)} vectors for {expected} strings")
    if not all(found):
        raise BadJson("an empty vector")
    if len({len(vector) for vector in found}) > 1:
        raise BadJson("vectors of different lengths")
    for vector in found:
        if not math.isfinite(sum(vector)) and not all(map(math.isfinite, vector)):
            raise BadJson("a vector with a number that is not finite")
    return found


def converted(vectors: Iterable[Any]) -> list[Vector]:
    """Return vectors that were decoded without their type, one after the other: all at once would hold the interpreter
    for as long as decoding them. Raise `BadJson` for one that is not made of numbers."""
    return [convert(vector, Vector) for vector in vectors]


def in_order(items: Sequence[Any], indexes: Sequence[Any]) -> list[Any]:
    """Return items in the order of their indexes, or unchanged if they have no indexes.

    Raises `BadJson` unless the indexes are 0 to n-1, each once.
    """
    if all(index is None for index in indexes):
        return list(items)
    places: dict[int, Any] = {}
    for item, index in zip(items, indexes, strict=True):
        whole = isinstance(index, float) and index.is_integer()
        if not (whole or type(index) is int) or not 0 <= index < len(items) or int(index) in places:
            raise BadJson(f"{index!r:.40} is not a valid index of a vector, or occurs twice")
        places[int(index)] = item
    return [places[index] for index in range(len(items))]


def pack_vector(vector: Sequence[float]) -> str:
    """Encode a vector as base64 of little-endian 32-bit floats. Raises `OverflowError` for a number beyond those."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode("ascii")


def unpack_vector(vector: Sequence[float] | str) -> Sequence[float]:
    """Decode a vector from base64 of little-endian 32-bit floats; return numbers as they are.

    Raise `BadJson` for a string that is anything else.
    """
    if not isinstance(vector, str):
        return vector
    try:
        data = base64.b64decode(vector, validate=True)
        return struct.unpack(f"<{len(data) // 4}f", data)
    except (ValueError, struct.error) as error:
        raise BadJson(f"a vector is not base64 of 32-bit floats: {error}") from error


def with_usage_warnings(response: EmbeddingResponse) -> EmbeddingResponse:
    """Add a warning if some of the provider's counts had to be ignored."""
    counts = usage_warnings(response.usage)
    return msgspec.structs.replace(response, warnings=(*response.warnings, *counts)) if counts else response
