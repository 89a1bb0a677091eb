"""Patterns of names: `*` stands for any characters, also none; everything else stands for itself."""

from __future__ import annotations

ANY = "*"


def matches(pattern: str, name: str) -> bool:
    """Check whether a name matches a pattern. Case matters. Takes linear time, because names come from callers."""
    first, *rest = pattern.split(ANY)
    if not rest:
        return pattern == name
    *middle, last = rest
    if not name.startswith(first) or not name.endswith(last) or len(name) < len(first) + len(last):
        return False
    at, end = len(first), len(name) - len(last)
    for piece in middle:
        found = name.find(piece, at, end)
        if found < 0:
            return False
        at = found + len(piece)
    return True


def specificity(pattern: str) -> tuple[int, int]:
    """Return by what patterns are ordered: the more characters are fixed, the greater; then the fewer `*`."""
    stars = pattern.count(ANY)
    return len(pattern) - stars, -stars
