"""Prompts and answers that a ledger was told to keep, each of one attempt. They hold no secrets when they come here."""

from __future__ import annotations

import logging
import zlib
from typing import Any

import msgspec

logger = logging.getLogger("understudy")

MOST_WAITING = 2_000
"""Items of a writer's queue from which nothing is captured: entries count more, and memory is limited."""
_LEVEL = 1
"""Of compression: a tenth of the time of the usual one, for a few percent more bytes."""


class CapturedDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The prompt and the answer of one attempt, as JSON: `{"prompt": …, "answer": …}`."""

    attempt_id: str
    request_id: str
    started: float
    """Unix seconds."""
    document: bytes

    def __repr__(self) -> str:
        """Omit what people wrote."""
        return f"CapturedDocument({self.attempt_id}, {len(self.document)} bytes)"

    def compressed(self) -> bytes:
        """Return the document as it is stored."""
        return zlib.compress(self.document, _LEVEL)


class Backlog:
    """Whether a writer can take prompts and answers at the moment. What it cannot take is left out."""

    def __init__(self) -> None:
        self._is_full = False

    def takes(self, waiting: int, trouble: Exception | None) -> bool:
        """Return whether one more may wait. `waiting`: the length of the queue; `trouble`: why nothing is written."""
        is_full = trouble is not None or waiting >= MOST_WAITING
        if is_full and not self._is_full:
            logger.warning("prompts and answers are not captured until the ledger is written again")
        self._is_full = is_full
        return not is_full


class CapturedTexts(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked and answered in one attempt, as far as it was kept."""

    prompt: dict[str, Any]
    """`messages`, the newest ones if not all fit, and `tools`, `settings`; of an embedding `texts`."""
    answer: dict[str, Any] | None = None
    """`message` and `finish_reason`, as far as it arrived; `error`: what the provider wrote of it. `None`: nothing
    arrived."""


_decoder = msgspec.json.Decoder(CapturedTexts)


def captured_of(stored: bytes) -> CapturedTexts:
    """Return what a stored document holds."""
    return _decoder.decode(zlib.decompress(stored))
