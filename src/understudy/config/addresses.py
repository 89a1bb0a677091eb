"""Checks base URLs, and finds those that the providers' own environment variables hold."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from understudy.providers.base import ProviderRow


def address_complaint(url: str, row: ProviderRow) -> str | None:
    """Return what is wrong with a base URL, without repeating it; `None` when it can be used."""
    try:
        parts = urlsplit(row.normalize_base_url(url.strip()))
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return "is no URL"
    if parts.scheme not in ("http", "https"):
        return "must begin with http:// or https://"
    if not has_host or not url.isprintable() or " " in url.strip():
        return "is no URL"
    if parts.username is not None or parts.password is not None:
        return "must not hold a user or password: an address is printed and logged"
    if parts.query or parts.fragment:
        return "must end with the path: paths are appended to it"
    return None


def address_from_environment(row: ProviderRow, environ: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the first of the row's variables that holds an address, and the address."""
    held = ((name, environ.get(name, "").strip()) for name in row.base_url_variables)
    return next(((name, url) for name, url in held if url), None)
