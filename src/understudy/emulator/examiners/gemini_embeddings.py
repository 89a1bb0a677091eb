"""Embeddings in the Gemini API."""

from __future__ import annotations

from collections.abc import Iterator

from understudy.domain.content import JsonObject
from understudy.emulator.cast.base import Words
from understudy.emulator.examiners.gemini_reading import Body, at_field

MOST_REQUESTS = 100
_LONGEST = 3072


def _requests(body: Body) -> Iterator[tuple[str, JsonObject]]:
    """Yield the requests in a body with their paths."""
    if body.root == "EmbedContentRequest":
        yield body.root, body.fields
    for at, request in enumerate(body.fields.get("requests", [])):
        yield f"{body.root}.requests[{at}]", request


def batch_size(body: Body) -> Words | None:
    """Refuse a batch without a request, or with too many."""
    found = sum(1 for _ in _requests(body))
    if found == 0:
        return at_field(f"{body.root}.requests", "requests must not be empty")
    if found > MOST_REQUESTS:
        return at_field(f"{body.root}.requests", f"at most {MOST_REQUESTS} requests can be in one batch")
    return None


def model_names(body: Body) -> Words | None:
    """Refuse a request of a batch for another model than that of the address."""
    for path, request in _requests(body):
        given = request.get("model")
        if given is None and body.root == "EmbedContentRequest":
            continue
        if not (given or "").startswith("models/"):
            return at_field(f"{path}.model", "unexpected model name format")
        if given != f"models/{body.request.model_name}":
            return at_field(f"{path}.model", "model must be the same as in the address of the request")
    return None


def some_text(body: Body) -> Words | None:
    """Refuse a text that is empty."""
    for path, request in _requests(body):
        parts = request.get("content", {}).get("parts", [])
        if not parts:
            return at_field(f"{path}.content", "content is empty")
        if any(not part.get("text") and part.keys() <= {"text"} for part in parts):
            return at_field(f"{path}.content", "contains an empty Part.")
    return None


def dimensions(body: Body) -> Words | None:
    """Refuse lengths of vectors that no model has."""
    for path, request in _requests(body):
        if not 1 <= request.get("outputDimensionality", 1) <= _LONGEST:
            return at_field(f"{path}.output_dimensionality", f"must be between 1 and {_LONGEST}")
    return None
