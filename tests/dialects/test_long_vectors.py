"""Answers with so many numbers that they are decoded in slices are read as short ones are."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.dialects.openai.talking import ENDPOINT
from understudy.dialects.embeddings import pack_vector
from understudy.dialects.ollama.embeddings import decode_embeddings as decode_ollama
from understudy.dialects.openai.embeddings import decode_embeddings as decode_openai
from understudy.domain.responses import EmbeddingResponse
from understudy.wire.json import BadJson

SIZES = (2, 40_000)
"""Numbers of a vector: decoded at once, and in slices."""
Decoding = tuple[Callable[..., Any], Callable[[list[Any]], Any]]
WIRES: dict[str, Decoding] = {
    "openai": (decode_openai, lambda vectors: {"data": [{"embedding": vector} for vector in vectors]}),
    "ollama": (decode_ollama, lambda vectors: {"embeddings": vectors}),
}


def read(wire: str, vectors: list[Any]) -> Any:
    decode, whole = WIRES[wire]
    (found,) = decode(json.dumps(whole(vectors)).encode(), ENDPOINT, len(vectors))
    assert isinstance(found, EmbeddingResponse)
    return found.embeddings


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("wire", WIRES)
def test_whole_numbers_are_floats(wire: str, size: int) -> None:
    (first, second) = read(wire, [[1] * size, [-0.5] * size])
    assert (first, second) == ((1.0,) * size, (-0.5,) * size)
    assert {*map(type, first)} == {float}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("flaw", [["1.5"], [None], [[1.0]], [True], 1.5, None, {"a": 1}])
def test_anything_else_is_refused(wire: str, size: int, flaw: Any) -> None:
    bad = flaw if not isinstance(flaw, list) else [0.25] * (size - 1) + flaw
    with pytest.raises(BadJson, match=r"[Ee]xpected"):
        read(wire, [[0.25] * size, bad])


@pytest.mark.parametrize("size", SIZES)
def test_packed_vectors(size: int) -> None:
    packed = pack_vector([0.5, -1.25] * (size * 4))
    assert read("openai", [packed, packed]) == ((0.5, -1.25) * (size * 4),) * 2
    with pytest.raises(BadJson):
        read("ollama", [packed, packed])
