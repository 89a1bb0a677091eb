"""Base URLs as people paste them: with a route at the end, without the path that all routes share, or invalid."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from understudy.wire.addresses import base_url_complaint

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
    """Return what is wrong with a base URL of a provider, without repeating it; `None` if it is valid."""
    try:
        read_as = row.normalize_base_url(url.strip())
    except ValueError:
        return f"is not a valid URL for {row.title}"
    return base_url_complaint(url, read_as=read_as, provider=row.title)
