"""Which texts go together in one request for embeddings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec


class BatchLimits(msgspec.Struct, frozen=True):
    """What one request for embeddings may hold at a target; `None` where no limit is known."""

    texts: int | None = None
    tokens: int | None = None
    """Of all texts together."""


def smallest(limits: Iterable[BatchLimits]) -> BatchLimits:
    """Return what fits all of these limits, so that any of their targets can take any batch."""
    every = tuple(limits)
    return BatchLimits(
        min((each.texts for each in every if each.texts is not None), default=None),
        min((each.tokens for each in every if each.tokens is not None), default=None),
    )


def split(texts: Sequence[str], limits: BatchLimits) -> list[range]:
    """Return the positions of the texts of each batch, in order; each batch as full as the limits allow.

    A text that is too long by itself is a batch of its own: only its provider knows whether it fits.
    """
    if limits.tokens is None:
        size = limits.texts or max(1, len(texts))
        return [range(start, min(start + size, len(texts))) for start in range(0, len(texts), size)]
    batches: list[range] = []
    start, tokens = 0, 0
    for at, text in enumerate(texts):
        longest = most_tokens(text)
        if at > start and (at - start == limits.texts or tokens + longest > limits.tokens):
            batches.append(range(start, at))
            start, tokens = at, 0
        tokens += longest
    return [*batches, range(start, len(texts))]


def most_tokens(text: str) -> int:
    """Return how many tokens a text can have at most: a token is a byte or more, whatever the tokeniser."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
