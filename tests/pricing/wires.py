"""Answers of each provider as they stand on the wire, around a given usage: whole and streamed."""

from __future__ import annotations

from typing import Any

import msgspec

from understudy.wire.json import encode

JSON, SSE, LINES = "application/json", "text/event-stream", "application/x-ndjson"


class Wire(msgspec.Struct, frozen=True):
    """A response's content type and body."""

    content_type: str
    body: bytes


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What stands around a usage: which wire format, by its provider; and what else the answer reports."""

    provider: str
    model: str
    usage: dict[str, Any]
    tier: str | None = None
    beside: dict[str, Any] = {}
    """`output`: items before the text (Responses). `grounding`: of the candidate (Gemini). Other facts belong to the
    message, or to the chunk that reports the usage (chat completions)."""


_OF_MESSAGE = ("annotations", "executed_tools")


def whole(answer: Answer) -> Wire:
    """Return a whole body."""
    model, usage, beside = answer.model, answer.usage, answer.beside
    match answer.provider:
        case "anthropic":
            value: dict[str, Any] = {
                "id": "m", "type": "message", "role": "assistant", "model": model, "usage": usage,
                "content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn",
            }  # fmt: skip
        case "google":
            candidate = _candidate("hi", "STOP", **_grounding(beside))
            value = {"candidates": [candidate], "usageMetadata": usage, "modelVersion": model}
        case "cohere":
            message = {"role": "assistant", "content": [{"type": "text", "text": "hi"}]}
            value = {"id": "m", "finish_reason": "COMPLETE", "message": message, "usage": usage}
        case "ollama":
            value = {"model": model, "message": _said("hi"), "done": True, "done_reason": "stop", **usage}
        case "replicate":
            value = {"id": "p", "status": "succeeded", "output": ["hi"], "metrics": usage, "urls": {}, "model": model}
        case "responses":
            value = _response(answer, "completed")
        case _:
            said = {**_said("hi"), **{key: beside[key] for key in _OF_MESSAGE if key in beside}}
            choice = {"index": 0, "message": said, "finish_reason": "stop"}
            value = {"id": "m", "object": "chat.completion", "model": model, "choices": [choice], "usage": usage}
            value |= {"service_tier": answer.tier} if answer.tier else {}
            value |= {key: fact for key, fact in beside.items() if key not in _OF_MESSAGE}
    return Wire(JSON, encode(value))


def streamed(answer: Answer) -> Wire | None:
    """Return a stream that reports its usage as often as the provider does; `None` where streams take several sends."""
    model, usage, beside = answer.model, answer.usage, answer.beside
    match answer.provider:
        case "anthropic":
            begun = {"id": "m", "type": "message", "role": "assistant", "model": model, "content": []}
            early = {key: value for key, value in usage.items() if key not in ("iterations", "server_tool_use")}
            block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
            text = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}}
            return _events(
                {"type": "message_start", "message": {**begun, "usage": {**early, "output_tokens": 1}}},
                block,
                text,
                {"type": "content_block_stop", "index": 0},
                # The count goes on here, and what the beginning said may come again.
                {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage},
                {"type": "message_stop"},
            )
        case "google":
            early = {**usage, "candidatesTokenCount": 1}
            return _events(
                {"candidates": [_candidate("h")], "usageMetadata": early, "modelVersion": model},
                {
                    "candidates": [_candidate("i", "STOP", **_grounding(beside))],
                    "usageMetadata": usage,
                    "modelVersion": model,
                },
            )
        case "cohere":
            return _events(
                {"type": "message-start", "id": "m", "delta": {"message": {"role": "assistant", "content": []}}},
                {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}},
                {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "hi"}}}},
                {"type": "content-end", "index": 0},
                {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": usage}},
            )
        case "ollama":
            last = {"model": model, "message": _said(""), "done": True, "done_reason": "stop", **usage}
            lines = ({"model": model, "message": _said("hi"), "done": False}, last)
            return Wire(LINES, b"".join(encode(line) + b"\n" for line in lines))
        case "replicate":
            return None
        case "responses":
            return _response_events(answer)
        case _:
            facts = {"id": "m", "object": "chat.completion.chunk", "model": model}
            facts |= {"service_tier": answer.tier} if answer.tier else {}
            late = {key: fact for key, fact in beside.items() if key not in _OF_MESSAGE}
            said = {**_said("hi"), **{key: beside[key] for key in _OF_MESSAGE if key in beside}}
            chunk = {**facts, "choices": [{"index": 0, "delta": said, "finish_reason": "stop"}]}
            # Some report with every chunk, always the sum so far.
            last = {**facts, **late, "choices": [], "usage": usage}
            return Wire(SSE, _events({**chunk, "usage": usage}, last).body + _DONE)


def _response(answer: Answer, status: str) -> dict[str, Any]:
    output = _items(answer) if status == "completed" else []
    value = {"id": "r", "object": "response", "model": answer.model, "status": status, "output": output}
    return {**value, "usage": answer.usage if status == "completed" else None}


def _items(answer: Answer) -> list[dict[str, Any]]:
    text = {"type": "output_text", "text": "hi", "annotations": []}
    message = {"type": "message", "id": "msg", "role": "assistant", "status": "completed", "content": [text]}
    return [*answer.beside.get("output", ()), message]


def _response_events(answer: Answer) -> Wire:
    events: list[dict[str, Any]] = [{"type": "response.created", "response": _response(answer, "in_progress")}]
    for index, item in enumerate(_items(answer)):
        begun = {**item, "content": []} if "content" in item else item
        events += [
            {"type": "response.output_item.added", "output_index": index, "item": begun},
            {"type": "response.output_item.done", "output_index": index, "item": item},
        ]
    return _events(*events, {"type": "response.completed", "response": _response(answer, "completed")})


def _grounding(beside: dict[str, Any]) -> dict[str, Any]:
    return {"groundingMetadata": beside["grounding"]} if "grounding" in beside else {}


def vectors(model: str, usage: dict[str, Any]) -> Wire:
    """Return a body of embeddings in OpenAI's form."""
    item = {"object": "embedding", "index": 0, "embedding": [0.5, 0.5]}
    return Wire(JSON, encode({"object": "list", "model": model, "data": [item], "usage": usage}))


_DONE = b"data: [DONE]\n\n"


def _events(*events: dict[str, Any]) -> Wire:
    frames = (
        (f"event: {event['type']}\n".encode() if "type" in event else b"") + b"data: " + encode(event) + b"\n\n"
        for event in events
    )
    return Wire(SSE, b"".join(frames))


def _said(text: str) -> dict[str, str]:
    return {"role": "assistant", "content": text}


def _candidate(text: str, finish: str | None = None, **facts: Any) -> dict[str, Any]:
    end = {"finishReason": finish} if finish else {}
    return {"index": 0, "content": {"role": "model", "parts": [{"text": text}]}, **end, **facts}
