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


def responses_calls(request: CheckedRequest) -> Words | None:
    """Check the items of a response's input: ids of at most 64 characters, a result for each call and a call for each
    result."""
    called: set[str] = set()
    answered: set[str] = set()
    for at, item in enumerate(_objects(request.body.get("input"))):
        call_id = item.get("call_id")
        if not isinstance(call_id, str):
            continue
        if not 0 < len(call_id) <= 64:
            return _length(f"input[{at}].call_id", call_id, 64)
        if not str(item.get("type")).endswith("_output"):
            called.add(call_id)
        elif call_id in called:
            answered.add(call_id)
        elif request.body.get("previous_response_id") is None:
            message = f"No tool call found for function call output with call_id {call_id}."
            return Words(400, message, _INVALID, None, "input")
    if missing := sorted(called - answered):
        return Words(400, f"No tool output found for function call {missing[0]}.", _INVALID, None, "input")
    return None


def _objects(values: Any) -> Iterator[JsonObject]:
    if isinstance(values, list):
        yield from (value for value in values if isinstance(value, dict))
