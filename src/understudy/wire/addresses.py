"""What a base URL must look like, wherever it is written: in Python, in the file, or in an environment variable."""

from __future__ import annotations

from urllib.parse import urlsplit

from understudy.domain.secret import NO_USER_IN_ADDRESS
from understudy.domain.suggestions import kind_of, shown


def base_url_complaint(written: str, *, read_as: str | None = None, provider: str = "") -> str | None:
    """Return what is wrong with a base URL, without repeating it; `None` if it is valid.

    `read_as` is the URL that the provider takes `written` for, if that may differ; `provider` is its name for messages.
    """
    invalid = f"is not a valid URL for {provider}" if provider else "is not a valid URL"
    try:
        parts = urlsplit((written if read_as is None else read_as).strip())
        has_host = bool(parts.hostname) and parts.port != 0
        (parts.hostname or "").encode("idna")
    except ValueError:  # including UnicodeError: a label that is empty or longer than 63 letters
        return invalid
    if parts.scheme not in ("http", "https"):
        return "must begin with http:// or https://"
    if not has_host or not written.isprintable() or " " in written.strip():
        return invalid
    if parts.username is not None or parts.password is not None:
        return NO_USER_IN_ADDRESS
    # In the URL as written: the provider's reading may have dropped them.
    if set("?#") & set(written):
        return "must end with the path, without ? and #: the path of each request is appended to it"
    return None


def shown_address(url: str) -> str:
    """Return an invalid base URL for an error message; an empty string for one that may hold a secret."""
    url = url.strip()
    harmless = shown(url) != kind_of(url) and len(url) <= 200 and url.isprintable() and not set(url) & set("@?#")
    return f': got "{url}"' if harmless else ""
