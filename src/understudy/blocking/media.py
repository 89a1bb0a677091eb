"""Media for synchronous code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from understudy.blocking.bridge import BRIDGE

if TYPE_CHECKING:
    from understudy.transport.media_fetch import M


def fetch_media(part: M, *, limit: int = 20 << 20, timeout: float = 30.0) -> M:
    """Return a part with the bytes at its URL, so that targets without access to it can be asked, too.

    See `understudy.fetch_media`.
    """
    from understudy.transport import media_fetch  # loads the HTTP library

    return BRIDGE.loop_thread().run_coroutine(None, lambda: media_fetch.fetch_media(part, limit=limit, timeout=timeout))
