"""Splits the texts of an embedding request into batches."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec


class BatchLimits(msgspec.Struct, frozen=True):
    """The limits of one embedding request at a target; `None` means no known limit."""

    texts: int | None = None
    tokens: int | None = None
    """Of all texts together."""


def smallest(limits: Iterable[BatchLimits]) -> BatchLimits:
    """Return the strictest of these limits, so that any of their targets accepts any batch."""
    every = tuple(limits)
    return BatchLimits(
        min((each.texts for each in every if each.texts is not None), default=None),
        min((each.tokens for each in every if each.tokens is not None), default=None),
    )


def split(texts: Sequence[str], limits: BatchLimits) -> list[range]:
    """Return the positions of the texts of each batch, in order; each batch is as full as the limits allow.

    A text that alone exceeds the limit is a separate batch: only its provider knows whether it fits. A request without
    texts, which holds tokens in their place, is one batch.
    """
    if limits.tokens is None:
        size = limits.texts or max(1, len(texts))
        return [range(start, min(start + size, len(texts))) for start in range(0, len(texts) or 1, size)]
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
    """Return the most tokens that a text can have: with every tokeniser a token is at least one byte."""
    return len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
