"""`understudy demo --console`: the real gateway and its console over emulated providers that fail, with live traffic.

`stage` says which providers there are and what they cost, `moments` what goes wrong and when, `traffic` who asks what,
`past` what the ledger already holds, `show` runs all of it until Ctrl-C, and `browser` opens the console.
"""

from __future__ import annotations

from understudy.cli.live_demo.browser import has_browser
from understudy.cli.live_demo.show import run

__all__ = ["has_browser", "run"]
