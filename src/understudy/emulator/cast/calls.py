"""Checks that the tool calls of a conversation and their results belong together, as providers do."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from understudy.domain.content import JsonObject
from understudy.emulator.cast.base import Check, CheckedRequest, Words

_INVALID = "invalid_request_error"


def openai_calls(limit: int | None = 40) -> Check:
    """Return a check of chat completions: each call is followed by its result, and ids have at most `limit` characters,
    where there is a limit."""

    def check(request: CheckedRequest) -> Words | None:
        waiting: list[str] = []
        for at, message in enumerate(_objects(request.body.get("messages"))):
            if message.get("role") == "tool":
                if message.get("tool_call_id") not in waiting:
                    words = "messages with role 'tool' must be a response to a preceding message with 'tool_calls'."
                    return Words(400, f"Invalid parameter: {words}", _INVALID, None, f"messages.[{at}].role")
                waiting.remove(message["tool_call_id"])
                continue
            if waiting:
                return _unanswered(waiting)
            waiting = [str(call.get("id")) for call in _objects(message.get("tool_calls"))]
            for n, call_id in enumerate(waiting):
                if not call_id or (limit is not None and len(call_id) > limit):
                    return _length(f"messages[{at}].tool_calls[{n}].id", call_id, limit)
        return _unanswered(waiting) if waiting else None

    return check


def _unanswered(waiting: list[str]) -> Words:
    message = (
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. "
        f"The following tool_call_ids did not have response messages: {', '.join(waiting)}"
    )
    return Words(400, message, _INVALID, None, "messages")


def _length(where: str, given: str, limit: int | None) -> Words:
    if not given or limit is None:
        message = f"Invalid '{where}': empty string. Expected a string with minimum length 1."
        return Words(400, message, _INVALID, "empty_string", where)
    message = (
        f"Invalid '{where}': string too long. Expected a string with maximum length {limit}, "
        f"but got a string with length {len(given)} instead."
    )
    return Words(400, message, _INVALID, "string_above_max_length", where)


def cohere_calls(request: CheckedRequest) -> Words | None:
    """Check messages: a tool message for each call, after the message with the call."""
    waiting: list[str] = []
    for message in _objects(request.body.get("messages")):
        if message.get("role") == "tool":
            if message.get("tool_call_id") not in waiting:
                return Words(400, f"invalid request: tool call id not found: {message.get('tool_call_id')}")
            waiting.remove(message["tool_call_id"])
            continue
        if waiting:
            break
        waiting = [str(call.get("id")) for call in _objects(message.get("tool_calls"))]
    if waiting:
        return Words(400, f"invalid request: no tool message for the tool call {waiting[0]}")
    return None


def _objects(values: Any) -> Iterator[JsonObject]:
    if isinstance(values, list):
        yield from (value for value in values if isinstance(value, dict))
