"""Base URLs as people paste them: with a route behind, without the path that all routes share, or wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from understudy.domain.secret import NO_USER_IN_ADDRESS

if TYPE_CHECKING:
    from understudy.providers.base import ProviderRow

OPENAI_ROUTES = ("/chat/completions", "/completions", "/responses", "/embeddings", "/models")
"""The routes of OpenAI's API that may stand at the end of an address that was copied from an example."""


def without_route(base_url: str, routes: tuple[str, ...]) -> str:
    """Return a base URL without slashes at its end, and without the first of `routes` that it ends in."""
    trimmed = base_url.strip().rstrip("/")
    route = next((route for route in routes if trimmed.endswith(route)), "")
    return trimmed.removesuffix(route).rstrip("/")


def openai_base_url(base_url: str, home: str) -> str:
    """Make the base of OpenAI's API of an address.

    `home` is the provider's own base URL. At its host a path that is missing is filled in; other servers of the same
    wire format have theirs at other places, the root included, so what is written for them stays.
    """
    trimmed = without_route(base_url, OPENAI_ROUTES)
    written, own = urlsplit(trimmed), urlsplit(home)
    return home if (written.scheme, written.netloc, written.path) == (own.scheme, own.netloc, "") else trimmed


def address_complaint(url: str, row: ProviderRow) -> str | None:
    """Return what is wrong with a base URL, without repeating it; `None` when it can be used."""
    try:
        parts = urlsplit(row.normalize_base_url(url.strip()))
        has_host = bool(parts.hostname) and parts.port != 0
        (parts.hostname or "").encode("idna")
    except ValueError:  # UnicodeError among them: a label that is empty or longer than 63 letters
        return f"is not a valid URL for {row.title}"
    if parts.scheme not in ("http", "https"):
        return "must begin with http:// or https://"
    if not has_host or not url.isprintable() or " " in url.strip():
        return f"is not a valid URL for {row.title}"
    if parts.username is not None or parts.password is not None:
        return NO_USER_IN_ADDRESS
    # In the text as written: what a provider makes of it may have dropped them.
    if set("?#") & set(url):
        return "must end with the path, without ? and #: the path of each request is appended to it"
    return None


def shown_address(url: str) -> str:
    """Return a wrong base URL for an error message; an empty string for one that may hold a secret."""
    url = url.strip()
    harmless = len(url) <= 200 and url.isprintable() and not set(url) & set("@?#")
    return f': got "{url}"' if harmless else ""
