"""Refuses requests that another site's page makes a browser send: by what the browser says of them, and by a token that
only our own pages know."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from understudy.console.http import ConsoleError, Request

FIELD = "csrf"
"""The field of a form that holds the token."""
HEADER = "x-csrf-token"
"""The header that holds it where a script sends something else than a form."""
_PORTS = {"http": "80", "https": "443"}


def refuse_other_sites(request: Request) -> None:
    """Raise `ConsoleError` if a browser says that another site's page sent the request."""
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if (site is not None and site not in ("same-origin", "none")) or (
        origin is not None and not _is_own(request, origin)
    ):
        raise ConsoleError(403, "other_site", "the request was sent by a page of another site and is refused")


async def check_token(request: Request) -> None:
    """Raise `ConsoleError` unless a request holds the token of its session."""
    given = request.headers.get(HEADER)
    if given is None:
        given = "".join((await request.form()).get(FIELD, ())[:1])
    wanted = request.operator.csrf
    if not wanted or not hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode()):
        message = "the form belongs to another session: open the page again, and send it from there"
        raise ConsoleError(403, "csrf", message, where=FIELD)


def _is_own(request: Request, origin: str) -> bool:
    """Check whether an origin is the host under which the gateway was reached."""
    try:
        parts = urlsplit(origin.lower())
        port = parts.port
    except ValueError:
        return False
    default = _PORTS.get(parts.scheme)
    if default is None or parts.hostname is None:
        return False
    own = urlsplit(f"//{request.host}")
    return (own.hostname, str(own.port or default)) == (parts.hostname, str(port or default))
