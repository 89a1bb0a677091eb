"""What a wire format demands of a conversation, as data."""

from __future__ import annotations

import re

import msgspec

from understudy.domain.regexes import regex

TOOL_NAME = regex(r"[a-zA-Z0-9_-]{1,64}")
"""What OpenAI and most servers of its wire format accept (OpenAPI document 2.3.0, `FunctionObject.name`)."""


class HistoryRules(msgspec.Struct, frozen=True, kw_only=True):
    """How the messages of a request must be formed. The defaults demand nothing."""

    tool_name: re.Pattern[str] | None = None
    """Names of tools that are accepted, matched as a whole; others are sent under another name."""
    paired: bool = False
    """Results must follow the message with their calls, one for each call and none without."""
    unique_ids: bool = False
    """No two calls of the conversation may have one id; otherwise no two of one message."""
    object_arguments: bool = False
    """Arguments of calls must be a JSON object, even where they are sent as a string."""
    result_media: frozenset[str] = frozenset({"image", "audio", "file"})
    """Media that a tool result may contain; others are sent in a user message after all results."""
    empty_text: bool = True
    """Text may be empty."""
    blank_text: bool = True
    """Text may be white space alone."""
    user_first: bool = False
    """The first message that is not a system message must be the user's."""
    account: str | None = None
    """Where each account can read only what it has encrypted itself: the header that names an account, in small
    letters. Without that header each key counts as one."""
    cache_marks: int | None = None
    """How many cache marks are accepted; `None` without a limit."""


FREE = HistoryRules()
"""The rules of a wire format that accepts any conversation."""
