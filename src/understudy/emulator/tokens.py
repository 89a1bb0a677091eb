"""A deterministic token count: every word costs a token per four characters begun, the space before it is free.

No provider counts so, but all count in that order of magnitude; what matters is that the same text always costs the
same, and that the pieces of a stream add up to the whole.
"""

from __future__ import annotations

import re

_WORD = re.compile(r"\s*\S+|\s+$")
_CHARACTERS = 4


def words(text: str) -> list[str]:
    """Cut text into words, each with the space before it; joined they are the text again."""
    return _WORD.findall(text)


def count(text: str) -> int:
    """Return the tokens of a text."""
    return sum(word_cost(word) for word in words(text))


def word_cost(word: str) -> int:
    """Return the tokens of one word, at least one."""
    return max(1, -(-len(word.strip()) // _CHARACTERS))


def head(word: str, tokens: int) -> str:
    """Return the beginning of a word that costs that many tokens."""
    return word[: len(word) - len(word.lstrip()) + tokens * _CHARACTERS]
