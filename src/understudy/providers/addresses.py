"""Base URLs as people paste them: with a route at the end, without the path that all routes share, or invalid."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from understudy.domain.secret import NO_USER_IN_ADDRESS

if TYPE_CHECKING:
    from understudy.providers.base import ProviderRow

OPENAI_ROUTES = ("/chat/completions", "/completions", "/responses", "/embeddings", "/models")
"""Routes of OpenAI's API that an address copied from an example may end in."""


def without_route(base_url: str, routes: tuple[str, ...]) -> str:
    """Return a base URL without trailing slashes, and without the first of `routes` that it ends in."""
    trimmed = base_url.strip().rstrip("/")
    route = next((route for route in routes if trimmed.endswith(route)), "")
    return trimmed.removesuffix(route).rstrip("/")


def openai_base_url(base_url: str, home: str) -> str:
    """Return the base URL of OpenAI's API for an address.

    `home` is the provider's own base URL. At its host a missing path is filled in. Other servers of the same wire
    format have theirs at other paths, the root included, so their addresses stay as they are.
    """
    trimmed = without_route(base_url, OPENAI_ROUTES)
    written, own = urlsplit(trimmed), urlsplit(home)
    return home if (written.scheme, written.netloc, written.path) == (own.scheme, own.netloc, "") else trimmed


def address_complaint(url: str, row: ProviderRow) -> str | None:
    """Return what is wrong with a base URL, without repeating it; `None` if it is valid."""
    try:
        parts = urlsplit(row.normalize_base_url(url.strip()))
        has_host = bool(parts.hostname) and parts.port != 0
        (parts.hostname or "").encode("idna")
    except ValueError:  # including UnicodeError: a label that is empty or longer than 63 letters
        return f"is not a valid URL for {row.title}"
    if parts.scheme not in ("http", "https"):
        return "must begin with http:// or https://"
    if not has_host or not url.isprintable() or " " in url.strip():
        return f"is not a valid URL for {row.title}"
    if parts.username is not None or parts.password is not None:
        return NO_USER_IN_ADDRESS
    # In the URL as written: normalization may have dropped them.
    if set("?#") & set(url):
        return "must end with the path, without ? and #: the path of each request is appended to it"
    return None


def shown_address(url: str) -> str:
    """Return an invalid base URL for an error message; an empty string for one that may hold a secret."""
    url = url.strip()
    harmless = len(url) <= 200 and url.isprintable() and not set(url) & set("@?#")
    return f': got "{url}"' if harmless else ""
