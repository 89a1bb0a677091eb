"""Why an answer ended."""

from __future__ import annotations

import enum


class FinishReason(enum.StrEnum):
    """Why the model stopped. `unknown` is a reason without a name in this version; see `finish_reason_raw`."""

    STOP = "stop"
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    CONTENT_FILTER = "content_filter"
    PAUSED = "paused"
    ERROR = "error"
    UNKNOWN = "unknown"
