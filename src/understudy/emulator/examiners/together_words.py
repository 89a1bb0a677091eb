"""Together AI's wording of a refusal, and the document that its rules come from."""

from __future__ import annotations

from understudy.emulator.cast.base import Words

SPEC = "https://github.com/togethercomputer/openapi/blob/main/openapi.yaml"


def refuse(message: str, param: str | None = None) -> Words:
    """Return a refusal with 400."""
    return Words(400, message, "invalid_request_error", None, param)
