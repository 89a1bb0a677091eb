"""Where attempts are kept."""

from __future__ import annotations

import msgspec

from understudy.settings.checking import Settings


class LedgerConfig(msgspec.Struct, frozen=True, kw_only=True, metaclass=Settings):
    """The ledger of the command line and of the gateway. A program that uses the library hands in its own."""

    enabled: bool = True
    path: str | None = None
    """The file; by default `ledger.db` in understudy's folder of the user's data."""
