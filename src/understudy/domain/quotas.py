"""Quotas: what a provider says is left of the limits of a key, with its answers."""

from __future__ import annotations

from collections.abc import Callable

import msgspec


class Quota(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of one limit, as of one answer."""

    unit: str
    """What is counted: `requests`, `tokens`, `input tokens`, …; also for how long, if there are several such limits."""
    left: int
    limit: int | None = None
    resets: float | None = None
    """Seconds from the answer until the limit is whole again; `None` if the provider does not state it."""

    @property
    def share(self) -> float | None:
        """The part of the limit that is left, from 0 to 1; `None` if the limit is unknown."""
        return None if not self.limit else min(1.0, self.left / self.limit)

    def __str__(self) -> str:
        of = "" if self.limit is None else f" of {self.limit:,}"
        return f"{self.left:,}{of} {self.unit} left"


ReadQuotas = Callable[[], tuple[Quota, ...]]
"""Reads the quotas of an answer's headers. They are read when they are asked for, not with every answer."""
