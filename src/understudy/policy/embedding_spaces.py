"""Embedding spaces. Vectors of different spaces cannot be compared, so embeddings fall back only within one."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec

from understudy.policy.plan import Skip
from understudy.policy.targets import Target

ELSEWHERE = "another embedding space"
"""Why a target is skipped."""

_DECORATION = re.compile(r"^models/|:(latest|hf-inference|fastest|cheapest|preferred)$")
"""Differences between names of the same model: Google's folder, Ollama's default tag, Hugging Face's partner choice."""


class EmbeddingSpace(msgspec.Struct, frozen=True):
    """A space: the name that the entry gives it, else the model; and the number of dimensions requested."""

    name: str
    dimensions: int | None = None
    """`None`: the model's default."""


def canonical(model: str) -> str:
    """Return a model's name in the form that is the same for all servers of that model."""
    return _DECORATION.sub("", model)


def one_space(
    targets: Sequence[Target], space_of: Callable[[Target], EmbeddingSpace | None]
) -> tuple[tuple[Target, ...], tuple[Skip, ...]]:
    """Separate the targets in the first one's space from the others. An unknown space equals no other."""
    first, *rest = targets
    space = space_of(first)
    same = [each for each in rest if space is not None and space_of(each) == space]
    others = tuple(Skip(each, ELSEWHERE) for each in rest if each not in same)
    return (first, *same), others
