"""Files that pages load: the style sheet, the script and the icon."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from understudy.console.http import ConsoleError, Reply, Request

if TYPE_CHECKING:
    from understudy.console.context import ConsoleContext

_FILES = Path(__file__).parent.parent / "static"
_TYPES = {
    "console.css": "text/css; charset=utf-8",
    "console.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_KEPT = "public, max-age=31536000, immutable"
"""What browsers may keep: an address names one content for ever."""


@functools.cache
def _read(name: str) -> tuple[bytes, str]:
    """Return a file, and a digest of it."""
    data = (_FILES / name).read_bytes()
    return data, hashlib.sha256(data).hexdigest()[:12]


def address(name: str) -> str:
    """Return the path of a file, with a query that changes with its content."""
    return f"/console/static/{name}?v={_read(name)[1]}"


async def file(request: Request, context: ConsoleContext) -> Reply:
    """Return a file."""
    name = request.params["name"]
    if name not in _TYPES:
        raise ConsoleError(404, "not_found", "nothing is served at this path")
    data, digest = _read(name)
    kept = _KEPT if request.query == f"v={digest}" else "no-cache"
    return Reply(200, (("content-type", _TYPES[name]), ("cache-control", kept)), data)
