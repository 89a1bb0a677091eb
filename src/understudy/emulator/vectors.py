"""Embeddings without a model: texts that share words and letters point in similar directions.

Words, pairs of words and triples of letters are hashed to a position and a sign in the vector (feature hashing), which
is then scaled to unit length. Deterministic over processes and platforms.
"""

from __future__ import annotations

import math
import re
from hashlib import blake2b
from itertools import pairwise

_WORD = re.compile(r"\w+")
_WEIGHT_PAIR = 0.5
_WEIGHT_LETTERS = 0.4


def embed(text: str, dimensions: int) -> tuple[float, ...]:
    """Return the unit vector of a text."""
    vector = [0.0] * dimensions
    for feature, weight in _features(text):
        digest = int.from_bytes(blake2b(feature.encode(), digest_size=8).digest(), "big")
        vector[digest % dimensions] += weight if digest >> 63 else -weight
    length = math.sqrt(sum(value * value for value in vector))
    if length == 0:
        return (1.0, *vector[1:])
    return tuple(round(value / length, 9) for value in vector)


def _features(text: str) -> list[tuple[str, float]]:
    words = _WORD.findall(text.lower())
    features = [(word, 1.0) for word in words]
    features += [(f"{left} {right}", _WEIGHT_PAIR) for left, right in pairwise(words)]
    for word in words:
        padded = f"#{word}#"
        features += [(f"~{padded[at : at + 3]}", _WEIGHT_LETTERS) for at in range(len(padded) - 2)]
    return features
