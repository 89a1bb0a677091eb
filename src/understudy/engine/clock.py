"""The one clock of the shell: the event loop's, so that a loop with virtual time runs the real engine."""

from __future__ import annotations

import asyncio
import time


def now() -> float:
    """Return the time of the running event loop; outside of one, that of the clock which asyncio's own loops read."""
    try:
        return asyncio.get_running_loop().time()
    except RuntimeError:
        return time.monotonic()
