"""At which statuses the words of a message count, and what a status means where they do not."""

from __future__ import annotations

import json

import pytest

from tests.classification.test_servers import failure
from understudy.domain.failures import FailureKind
from understudy.wire.http import HttpHead

K = FailureKind

STATUSES = {
    400: K.INVALID_REQUEST, 401: K.AUTHENTICATION, 402: K.BILLING, 403: K.PERMISSION, 404: K.NOT_FOUND,
    413: K.REQUEST_TOO_LARGE, 422: K.INVALID_REQUEST, 429: K.RATE_LIMITED, 500: K.SERVER_ERROR, 501: K.UNSUPPORTED,
    502: K.SERVER_ERROR, 503: K.OVERLOADED, 529: K.OVERLOADED,
}  # fmt: skip
"""What each means by itself (RFC 9110; Together of 402, Anthropic of 529)."""

PHRASES = {
    "Your credit balance is too low": (K.BILLING, {400, 401, 402, 403, 422, 429}),
    "Incorrect API key provided": (K.AUTHENTICATION, {400, 401, 403, 422}),
    "This model's maximum context length is 8192 tokens": (K.CONTEXT_LENGTH, {400, 403, 413, 422, 500, 503}),
    "Blocked by our content management policy": (K.CONTENT_FILTER, {400, 403, 422, 500}),
    "No endpoints found for a/b": (K.NOT_FOUND, {400, 404, 422}),
    "m does not support tools": (K.UNSUPPORTED, {400, 403, 404, 422, 500, 501}),
    "You have reached your daily limit": (K.DAILY_QUOTA, {403, 429}),
    "The server is busy": (K.OVERLOADED, {429, 500, 502, 503, 529}),
    "Rate limit exceeded": (K.RATE_LIMITED, {400, 403, 429, 503}),
}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("said", PHRASES)
def test_the_words_of_a_message_count_at_the_statuses_that_servers_write_them_with(said: str, status: int) -> None:
    kind, at = PHRASES[said]
    body = json.dumps({"error": {"message": said}}).encode()
    found = failure("openai", HttpHead(status, {"content-type": "application/json"}), body)
    assert found.kind is (kind if status in at else STATUSES[status])
