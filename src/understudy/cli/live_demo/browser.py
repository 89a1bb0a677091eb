"""Opens the console of the live demo in a browser, where there is one that can be seen."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress

_CODE = "import sys, webbrowser; webbrowser.open(sys.argv[1])"
_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME")
"""The variables of which a desktop sets one, other than those of macOS and Windows."""
_OFF = ("", "0", "false", "no", "none")
"""Values that switch a variable off."""


def has_browser(environ: Mapping[str, str], platform: str = sys.platform) -> bool:
    """Check whether a browser would open where the user sees it: on a desktop, not in CI, and not over SSH without a
    display. `BROWSER=none` keeps it closed."""
    if environ.get("CI", "").lower() not in _OFF or environ.get("BROWSER", "browser").lower() in _OFF:
        return False
    if any(environ.get(name) for name in _SCREENS):
        return True
    is_remote = any(environ.get(name) for name in ("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"))
    return platform in ("darwin", "win32") and not is_remote


def open_browser(url: str) -> None:
    """Open a page, in a process of its own that only a thread waits for: whatever the browser does or prints, and
    whether it starts at all, the demo goes on, and ends."""
    threading.Thread(target=_open, args=(url,), daemon=True).start()


def _open(url: str) -> None:
    nothing = subprocess.DEVNULL
    with suppress(OSError):
        subprocess.run(  # noqa: S603 - this Python, with an address of ours
            [sys.executable, "-c", _CODE, url],
            stdin=nothing,
            stdout=nothing,
            stderr=nothing,
            start_new_session=True,
            check=False,
        )
