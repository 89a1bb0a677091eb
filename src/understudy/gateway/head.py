"""What the head of a request decides before its body is read.

Clients send the same head with each request of a connection, so the server hands on what was found of it (`Exchange.
notes`), as it does with what it has parsed itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from understudy.gateway.callers import ANYONE, Caller
from understudy.gateway.faces import load_face
from understudy.gateway.routes import Route
from understudy.gateway.site import Site

if TYPE_CHECKING:
    from understudy.dialects.server import ServerHalf


class Head(msgspec.Struct, frozen=True, eq=False):
    """A request that its `Host` admits to a site, and that has a route there."""

    site: Site
    route: Route
    half: ServerHalf | None
    """That of the wire format which the caller speaks; `None` for the gateway's own paths."""
    caller: Caller | None
    """Whose request it is, if the configuration alone says so; `None` leaves it to `Site.admit`."""

    @classmethod
    def of(cls, site: Site, route: Route, headers: Mapping[str, str], query: str) -> Head:
        """Return what is decided. `headers` has names in lower case."""
        half = load_face(face_of(route, headers)) if route.face else None
        caller = ANYONE if route.admits != "key" else site.access.configured(headers, query)
        return cls(site, route, half, caller)


def face_of(route: Route, headers: Mapping[str, str]) -> str:
    """Return the wire format of a request; several share a path, and the headers of their clients tell them apart."""
    if route.face != "shared":
        return route.face
    if "anthropic-version" in headers or "x-api-key" in headers:
        return "anthropic"
    if "x-goog-api-key" in headers or "x-goog-api-client" in headers:
        return "gemini"
    agent = f"{headers.get('user-agent', '')} {headers.get('x-client-name', '')} {headers.get('x-fern-language', '')}"
    return "cohere" if "cohere" in agent.lower() else "openai"
