"""Prompts and answers as attributes, where that is wanted: without secrets and media, of a limited size.

The form is that of the JSON schemas of OpenTelemetry's conventions: messages of parts.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from understudy.domain.capture import Capture
from understudy.domain.capture_document import CaptureDocument
from understudy.domain.errors import LLMError
from understudy.domain.redacting import redaction
from understudy.domain.requests import GenerationRequest, whole_of
from understudy.domain.responses import GenerationResponse
from understudy.ledger.observing import EndedRequest
from understudy.settings.tracing import Backend
from understudy.telemetry.tracing.backends import of_texts
from understudy.telemetry.tracing.spans import NO_CONTENT, Content

_MODALITIES = {"image": "image", "audio": "audio", "file": "document"}
_ROLES = {"developer": "system"}
_FINISH_REASONS = {"tool_calls": "tool_call"}


def content_of(
    ended: EndedRequest, capture: Capture, names: Mapping[str, str], backends: Sequence[Backend] = ()
) -> Content:
    """Return the attributes with the prompt and the answer of a generation, if they are to be kept."""
    if capture.mode == "off" or (capture.mode == "errors" and ended.failure is None):
        return NO_CONTENT
    request = ended.request
    if not isinstance(request, GenerationRequest):
        return NO_CONTENT
    with suppress(LLMError):  # what the provider took is kept as far as it is understood
        request = whole_of(request)
    redact = _redact(ended, capture)
    asked = _asked(request, CaptureDocument(redact, capture.max_bytes))
    found = {names["input_messages"]: _json(asked)}
    answered: list[dict[str, Any]] = []
    if isinstance(ended.answer, GenerationResponse):
        answered = _answered(ended.answer, CaptureDocument(redact, capture.max_bytes))
        found[names["output_messages"]] = _json(answered)
    return Content(of_texts(_shown(asked), _shown(answered), backends), found)


def _shown(messages: list[dict[str, Any]]) -> str:
    """Return the text of the last message; of one without text, its parts as JSON."""
    if not messages:
        return ""
    parts = messages[-1]["parts"]
    text = "\n".join(part["content"] for part in parts if part["type"] == "text")
    return text or (_json(parts) if parts else "")


def _redact(ended: EndedRequest, capture: Capture) -> Callable[[str], str]:
    further = redaction(capture.secrets, tuple(map(re.compile, capture.redact)))
    return lambda text: further(ended.redact(text))


def _json(messages: list[dict[str, Any]]) -> str:
    return msgspec.json.encode(messages).decode()


def _asked(request: GenerationRequest, document: CaptureDocument) -> list[dict[str, Any]]:
    return [_message(each) for each in document.newest(request.messages)]


def _answered(answer: GenerationResponse, document: CaptureDocument) -> list[dict[str, Any]]:
    message = _message(document.value(msgspec.to_builtins(answer.message)))
    reason = str(answer.finish_reason)
    return [{**message, "finish_reason": _FINISH_REASONS.get(reason, reason)}]


def _message(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message as the conventions write it."""
    role, content = message.get("role", "user"), message.get("content", "")
    parts = [_text(content)] if isinstance(content, str) and content else []
    if isinstance(content, list):
        parts = [_part(each) for each in content if isinstance(each, dict)]
    return {"role": _ROLES.get(role, role), "parts": parts}


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    match part.get("type"):
        case "text" | "refusal":
            return _text(part.get("text", ""))
        case "thinking":
            return {"type": "reasoning", "content": part.get("text", "")}
        case "tool_call":
            arguments = part.get("arguments", "")
            called = {"type": "tool_call", "id": part.get("id"), "name": part.get("name", "")}
            return {**called, "arguments": _arguments(arguments)}
        case "tool_result":
            return {
                "type": "tool_call_response",
                "id": part.get("call_id"),
                "response": _result(part.get("content", "")),
            }
        case "image" | "audio" | "file" as kind:
            return _media(part, _MODALITIES[kind])
        case kind:
            return {"type": str(kind or "other")}


def _result(content: Any) -> Any:
    return [_part(each) for each in content if isinstance(each, dict)] if isinstance(content, list) else content


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "content": text}


def _arguments(written: str) -> Any:
    """Return the arguments of a tool call as a value, if they are JSON."""
    try:
        return msgspec.json.decode(written)
    except (msgspec.DecodeError, UnicodeEncodeError):
        return written


def _media(part: Mapping[str, Any], modality: str) -> dict[str, Any]:
    """Return what stands for media, of which the data is left out."""
    kept = {"mime_type": part.get("media_type"), "modality": modality}
    if "url" in part:
        return {"type": "uri", **kept, "uri": part["url"]}
    if "file_id" in part:
        return {"type": "file", **kept, "file_id": part["file_id"]}
    return {"type": "omitted_media", **kept, "bytes": part.get("bytes"), "sha256": part.get("sha256")}
