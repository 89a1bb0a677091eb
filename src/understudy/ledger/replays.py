"""Answers that are kept for repeated requests: what a request with an `Idempotency-Key` got, for a day.

A request is named by its scope: whose it is, method, route and the key that it carries. While it is answered its scope
is held under a lease, which its process extends; what is held by a process that has died becomes free when the lease is
over.
"""

from __future__ import annotations

import enum

import msgspec

LIFETIME = 24 * 3600
"""Seconds for which an answer is kept."""
LEASE = 30
"""Seconds for which a request counts as being answered after its process was last heard of."""
LARGEST = 8 * 2**20
"""Bytes of an answer that is kept. Of a larger one it is only known that it was given."""
MOST = 10_000
"""Answers that are kept; the oldest are dropped."""
ROOM = 256 * 2**20
"""Bytes of all answers."""


class KeptAnswer(msgspec.Struct, frozen=True):
    """An answer as it was sent."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


class ScopeState(enum.Enum):
    """What is known of a request when it comes."""

    NEW = "new"
    """It is to be answered, by the process that asked."""
    UNDER_WAY = "under way"
    """It is being answered."""
    OTHER = "other"
    """Another request was sent with the same key."""
    ANSWERED = "answered"


class Scope(msgspec.Struct, frozen=True):
    """What is known of a request, and its answer if that was kept."""

    state: ScopeState
    answer: KeptAnswer | None = None
