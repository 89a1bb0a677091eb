"""Answers that are asked for whole and streamed inside, so that a silence or a stall is noticed early."""

from __future__ import annotations

import re
from typing import Any

from understudy.dialects.base import Dialect, Endpoint, Exchange
from understudy.domain.bounded import BoundedDict
from understudy.domain.failures import Failure
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest
from understudy.engine.exchanges import is_forwarded, open_exchange

REMEMBERED = 1024
"""Models of one entry that are remembered as not streamed; names of models come from callers and have no end."""
LONG_ANSWER = 60.0
"""Seconds; a plain answer that is expected to take longer is streamed inside, so that a stall is noticed."""
TOKENS_PER_SECOND = 128_000 / 3600
"""The pace that Anthropic's own client assumes when it refuses long plain calls."""


class InnerStreams:
    """Decides for one entry whether to stream inside, and remembers which models refuse it."""

    def __init__(self) -> None:
        self._refused: BoundedDict[tuple[str | None, bool], bool] = BoundedDict(REMEMBERED)

    def wanted(
        self, request: GenerationRequest, dialect: Dialect, endpoint: Endpoint, *, whole: str, others: bool
    ) -> bool:
        """Check whether to stream a request inside; see `streams_inside`."""
        if self._refused and (endpoint.model, request.output is not None) in self._refused:
            return False
        return streams_inside(request, dialect, whole, endpoint, others)

    def unstreamed_after(
        self, dialect: Dialect, request: GenerationRequest, endpoint: Endpoint, failure: Failure
    ) -> Exchange[Any] | None:
        """Open a chat unstreamed if a failure states that this model is not streamed, and remember it."""
        if not refuses_to_stream(failure):
            return None
        self._refused[endpoint.model, request.output is not None] = True
        return open_exchange(dialect, Operation.CHAT, request, endpoint, False)


def streams_inside(request: GenerationRequest, dialect: Dialect, whole: str, endpoint: Endpoint, others: bool) -> bool:
    """Check whether an answer that was asked for whole is streamed inside.

    `whole` is `auto`, `stream` or `plain`, as in `FallbackConfig`. `others`: whether another target may answer, so
    that a silence must be noticed early. A body that came in over the same wire format is forwarded as it is.
    """
    if whole != "auto":
        return whole == "stream" and endpoint.quirks.whole_streams
    if request.origin is not None and is_forwarded(request, dialect):
        return False
    return takes_long(request) or (others and endpoint.quirks.whole_streams)


_STREAMING = ("stream", "stream_options", "stream_options.include_usage")
"""Names of the parameters that ask for a stream. Without one the message decides. OpenAI: "Your organization must
be verified to stream this model", "does not support 'wav' when stream=true"; others: "streaming is not supported"."""
_OF_STREAMS = re.compile(r"(?<![a-z])stream")
"""Not of what is upstream."""


def refuses_to_stream(failure: Failure) -> bool:
    """Check whether a provider refused a request because it asked for a stream."""
    if failure.status not in (400, 403, 404, 405, 415, 422, 501):
        return False
    if failure.param in _STREAMING:
        return True
    return _OF_STREAMS.search(failure.message.lower()) is not None


def takes_long(request: GenerationRequest) -> bool:
    """Check whether a plain answer may take so long that it is better streamed inside."""
    return request.max_tokens is not None and request.max_tokens > TOKENS_PER_SECOND * LONG_ANSWER
