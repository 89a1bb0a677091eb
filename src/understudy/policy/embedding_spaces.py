"""Where vectors live. Those of different spaces cannot be compared, so nothing moves from one space to another."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec

from understudy.policy.plan import Skip
from understudy.policy.targets import Target

ELSEWHERE = "another embedding space"
"""Why a target is skipped."""

_DECORATION = re.compile(r"^models/|:(latest|hf-inference|fastest|cheapest|preferred)$")
"""What names of the same model differ in: Google's folder, Ollama's default tag, Hugging Face's choice of partner."""


class EmbeddingSpace(msgspec.Struct, frozen=True):
    """A space: what an entry calls it, else the model; and how many dimensions are asked for."""

    name: str
    dimensions: int | None = None
    """`None`: as many as the model has of itself."""


def canonical(model: str) -> str:
    """Return a model's name as it is the same wherever the model is served under that name."""
    return _DECORATION.sub("", model)


def one_space(
    targets: Sequence[Target], space_of: Callable[[Target], EmbeddingSpace | None]
) -> tuple[tuple[Target, ...], tuple[Skip, ...]]:
    """Part the targets whose vectors live where the first one's do from the others. An unknown space is its own."""
    first, *rest = targets
    space = space_of(first)
    same = [each for each in rest if space is not None and space_of(each) == space]
    others = tuple(Skip(each, ELSEWHERE) for each in rest if each not in same)
    return (first, *same), others
