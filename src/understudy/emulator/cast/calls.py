"""Checks that the tool calls of a conversation and their results belong together, as providers do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from understudy.domain.content import JsonObject
from understudy.emulator.cast.base import Check, CheckedRequest, Words

_INVALID = "invalid_request_error"
_ANTHROPIC_ID = re.compile(r"[a-zA-Z0-9_-]+")


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


def anthropic_calls(request: CheckedRequest) -> Words | None:
    """Check messages: unique ids of letters, digits, `_` and `-`, and each call followed by its result."""
    seen: set[str] = set()
    waiting: set[str] = set()
    for at, message in enumerate(_objects(request.body.get("messages"))):
        blocks = list(_objects(message.get("content")))
        results = [str(block.get("tool_use_id")) for block in blocks if block.get("type") == "tool_result"]
        if extra := [call_id for call_id in results if call_id not in waiting]:
            return invalid_field(
                f"messages.{at}", f"unexpected `tool_use_id` found in `tool_result` blocks: {extra[0]}"
            )
        if missing := sorted(waiting - set(results)):
            words = f"`tool_use` ids were found without `tool_result` blocks immediately after: {', '.join(missing)}"
            return invalid_field(f"messages.{at}", words)
        waiting = set()
        for n, block in enumerate(blocks):
            if block.get("type") != "tool_use":
                continue
            call_id = str(block.get("id"))
            if not _ANTHROPIC_ID.fullmatch(call_id):
                words = f"String should match pattern '^{_ANTHROPIC_ID.pattern}$'"
                return invalid_field(f"messages.{at}.content.{n}.tool_use.id", words)
            if call_id in seen:
                return invalid_field(f"messages.{at}.content.{n}", "`tool_use` ids must be unique")
            seen.add(call_id)
            waiting.add(call_id)
    return None


def gemini_calls(request: CheckedRequest) -> Words | None:
    """Check contents: after each turn with calls one with as many responses."""
    waiting = 0
    for content in _objects(request.body.get("contents")):
        parts = list(_objects(content.get("parts")))
        if sum("functionResponse" in part for part in parts) != waiting:
            message = (
                "Please ensure that the number of function response parts is equal to the number of function call "
                "parts of the function call turn."
            )
            return Words(400, message, "INVALID_ARGUMENT")
        waiting = sum("functionCall" in part for part in parts)
    return None


def invalid_field(name: str, complaint: str) -> Words:
    """Return Anthropic's complaint about a field."""
    return Words(400, f"{name}: {complaint}", _INVALID)


def _objects(values: Any) -> Iterator[JsonObject]:
    if isinstance(values, list):
        yield from (value for value in values if isinstance(value, dict))
