"""The operations of a provider."""

from __future__ import annotations

import enum


class Operation(enum.StrEnum):
    """An operation of a provider."""

    CHAT = "chat"
    EMBED = "embed"
    MODELS = "models"
    COUNT_TOKENS = "count_tokens"
    PASSTHROUGH = "passthrough"
    """Any other path of a provider's API, which a request took through the gateway: of no wire format."""

    @property
    def billed(self) -> bool:
        """Whether providers charge for it."""
        return self in BILLED


BILLED = frozenset({Operation.CHAT, Operation.EMBED, Operation.PASSTHROUGH})
"""The operations that providers charge for."""
SPOKEN = tuple(operation for operation in Operation if operation is not Operation.PASSTHROUGH)
"""The operations that wire formats have."""
