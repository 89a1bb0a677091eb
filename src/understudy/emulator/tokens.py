"""A deterministic token count: a word has a token per four characters or part of them, the space before it none.

Providers count differently, but in the same order of magnitude; what matters is that the same text always has the same
count, and that the pieces of a stream add up to the whole.
"""

from __future__ import annotations

import re

_WORD = re.compile(r"\s*\S+|\s+$")
_CHARACTERS = 4


def words(text: str) -> list[str]:
    """Split text into words, each with the space before it; joined they are the text again."""
    return _WORD.findall(text)


def count(text: str) -> int:
    """Return the tokens of a text."""
    return sum(word_cost(word) for word in words(text))


def word_cost(word: str) -> int:
    """Return the tokens of one word, at least one."""
    return max(1, -(-len(word.strip()) // _CHARACTERS))


def head(word: str, tokens: int) -> str:
    """Return the beginning of a word that has this many tokens."""
    return word[: len(word) - len(word.lstrip()) + tokens * _CHARACTERS]
