"""The server half of each face: that of a wire format, or of an older API that is answered by translation."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

from understudy import dialects

if TYPE_CHECKING:
    from understudy.dialects.server import ServerHalf

_LEGACY = {"completions": "completions", "cohere-v1": "cohere_embed", "compact": "compact"}
"""The modules of the faces that are not wire formats of providers."""


@cache
def load_face(name: str) -> ServerHalf:
    """Return the server half of a face, imported at its first use. Raise `LookupError` for an unknown name."""
    if name not in _LEGACY:
        return dialects.load_server(name)
    half: ServerHalf = import_module(f"understudy.gateway.legacy.{_LEGACY[name]}").SERVER
    return half
