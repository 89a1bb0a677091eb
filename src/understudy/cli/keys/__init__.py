"""`understudy keys`: virtual keys of the gateway.

`grants` reads what a new key may do, `tables` prints keys, and `command` is the entry point.
"""

from __future__ import annotations

from understudy.cli.keys.command import MANUAL, keys

__all__ = ["MANUAL", "keys"]
