"""Answers that are kept for repeated requests: what a request with an `Idempotency-Key` got, for a day.

A request is named by its scope: whose it is, method, route and the key that it carries. While it is answered its scope
is held under a lease, which its process extends; what is held by a process that has died becomes free when the lease is
over.
"""

from __future__ import annotations

import enum
from typing import Protocol

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


class Replays(Protocol):
    """Where answers are kept. All methods block, and raise `LedgerUnavailable`."""

    largest: int
    """Bytes of the largest answer that is kept."""

    def begin(self, scope: bytes, request: bytes, owner: int) -> Scope:
        """Return what is known of a request; one that is new is held by `owner` from now on.

        `scope` names the request, and `request` is the digest of what it asks for.
        """
        ...

    def renew(self, owner: int) -> None:
        """Extend the lease of what an owner holds."""
        ...

    def keep(self, scope: bytes, owner: int, answer: KeptAnswer | None) -> None:
        """Keep the answer to a request that `owner` holds; `None`: one that is known to be given, and not kept."""
        ...

    def release(self, scope: bytes, owner: int) -> None:
        """Forget a request that `owner` holds: when it is sent again, it gets another answer."""
        ...

    def close(self) -> None:
        """Close the file or the connection, which the next use opens again."""
        ...
