"""Names and ids in the path of a URL: they never reach another part of the API."""

from __future__ import annotations

from urllib.parse import quote

from understudy.domain.errors import Misuse


def is_name(text: str, *, slashes: bool = False) -> bool:
    """Check whether a string is safe in a path: no control characters, and no segments that lead elsewhere (`..` and
    `.`, which servers may interpret even where slashes are encoded; with `slashes`, also empty ones)."""
    elsewhere = ("", ".", "..") if slashes else (".", "..")
    return bool(text) and text.isprintable() and not any(segment in elsewhere for segment in text.split("/"))


def in_path(name: str, *, slashes: bool = False, safe: str = "") -> str:
    """Return a model's name percent-encoded for a path; with `slashes`, `owner/name` are two segments.

    Raises `Misuse` for a name that is not safe in a path. The empty name stays empty.
    """
    if name and not is_name(name, slashes=slashes):
        raise Misuse(f"invalid model name {name!r:.200}: control characters and `..` are not allowed in a URL")
    return quote(name, safe=f"{safe}/" if slashes else safe)
