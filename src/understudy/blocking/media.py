"""Media for synchronous code."""

from __future__ import annotations

from understudy.blocking.bridge import BRIDGE
from understudy.transport import media_fetch
from understudy.transport.media_fetch import LIMIT, M


def fetch_media(part: M, *, limit: int = LIMIT, timeout: float = 30.0) -> M:
    """Return a part with the bytes at its URL, so that targets without access to it can be asked, too.

    See `understudy.fetch_media`.
    """
    return BRIDGE.loop_thread().run_coroutine(None, lambda: media_fetch.fetch_media(part, limit=limit, timeout=timeout))
