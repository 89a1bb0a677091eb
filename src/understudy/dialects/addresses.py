"""Names and ids in the path of an address: they never lead out of their place."""

from __future__ import annotations

from urllib.parse import quote

from understudy.domain.errors import Misuse


def is_name(text: str, *, slashes: bool = False) -> bool:
    """Return whether text can stand in a path: without control characters, and without segments that lead elsewhere
    (`..` and `.`, which servers may see also where slashes are encoded; with `slashes`, empty ones)."""
    elsewhere = ("", ".", "..") if slashes else (".", "..")
    return bool(text) and text.isprintable() and not any(segment in elsewhere for segment in text.split("/"))


def in_path(name: str, *, slashes: bool = False, safe: str = "") -> str:
    """Return a model's name as it stands in a path, percent-encoded; with `slashes`, `owner/name` are two segments.

    Raises `Misuse` for a name that would lead out of its place. The empty name stays empty.
    """
    if name and not is_name(name, slashes=slashes):
        raise Misuse(f"{name!r:.200} is not a model's name: control characters and `..` cannot stand in an address")
    return quote(name, safe=f"{safe}/" if slashes else safe)
