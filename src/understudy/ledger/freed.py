"""What a vacuum changed."""

from __future__ import annotations

import msgspec


class Freed(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes of a ledger before and after its removed entries were cleared away."""

    before: int
    """Bytes of the file and its write-ahead log, or of the tables with their indexes."""
    after: int
