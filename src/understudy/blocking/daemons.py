"""Daemon threads at the interpreter's exit."""

from __future__ import annotations

import threading


def hold_daemon_thread() -> None:
    """Never return to a daemon thread: at the interpreter's exit its error would only be printed into the shutdown."""
    if threading.current_thread().daemon:
        threading.Event().wait()
