"""What some back ends read besides the conventions' attributes: costs, labels, and the text in a list of traces.

Pure. The names are in `names`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from understudy.domain.attempts import AttemptRecord
from understudy.settings.tracing import Backend
from understudy.telemetry.tracing.names import BACKENDS


def of_request(labels: Mapping[str, str], backends: Sequence[Backend]) -> dict[str, Any]:
    """Return what is added to the span of a request. `labels` are those of its attributes."""
    found: dict[str, Any] = {}
    for names in map(BACKENDS.__getitem__, backends):
        if "kind" in names:
            found[names["kind"]] = "CHAIN"
        if "label" in names:
            found |= {names["label"] + name: value for name, value in labels.items()}
    return found


def of_attempt(attempt: AttemptRecord, backends: Sequence[Backend]) -> dict[str, Any]:
    """Return what is added to the span of an attempt: without its cost, a back end would use prices of its own."""
    found: dict[str, Any] = {}
    for names in map(BACKENDS.__getitem__, backends):
        if attempt.cost is not None:
            usd = attempt.cost.amount.nano_usd / 1e9
            if "cost" in names:
                found[names["cost"]] = usd
            if "costs" in names:
                found[names["costs"]] = {"total_cost": usd}
        if "first_content" in names and attempt.first_event is not None:
            at = datetime.fromtimestamp(attempt.started + attempt.first_event, UTC)
            found[names["first_content"]] = f"{at.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"
    return found


def of_texts(question: str, answer: str, backends: Sequence[Backend]) -> dict[str, str]:
    """Return what is added to the span of a request whose content is kept: the last message, and the answer's text."""
    found: dict[str, str] = {}
    for names in map(BACKENDS.__getitem__, backends):
        if "input" in names and question:
            found[names["input"]] = question
        if "output" in names and answer:
            found[names["output"]] = answer
    return found
