"""The operations of a provider."""

from __future__ import annotations

import enum


class Operation(enum.StrEnum):
    """An operation of a provider."""

    CHAT = "chat"
    EMBED = "embed"
    MODELS = "models"
    COUNT_TOKENS = "count_tokens"

    @property
    def billed(self) -> bool:
        """Whether providers charge for it."""
        return self in (Operation.CHAT, Operation.EMBED)
