"""Counts how many events of a stream a dialect reads in its short way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from understudy.wire.sse import SseEvent


def taken(monkeypatch: pytest.MonkeyPatch, reader: type[Any], read: Callable[[], object]) -> int:
    """Return how many events `reader.plain` accepts while `read` runs."""
    answers: list[Any] = []
    plain = reader.plain

    def noted(self: Any, event: SseEvent) -> Any:
        answers.append(plain(self, event))
        return answers[-1]

    monkeypatch.setattr(reader, "plain", noted)
    read()
    return sum(each is not None for each in answers)
