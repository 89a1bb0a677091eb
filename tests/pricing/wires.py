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


def whole(provider: str, model: str, usage: dict[str, Any], tier: str | None = None) -> Wire:
    """Return a whole body."""
    match provider:
        case "anthropic":
            value: dict[str, Any] = {
                "id": "m", "type": "message", "role": "assistant", "model": model, "usage": usage,
                "content": [{"type": "text", "text": "hi"}], "stop_reason": "end_turn",
            }  # fmt: skip
        case "google":
            value = {"candidates": [_candidate("hi", "STOP")], "usageMetadata": usage, "modelVersion": model}
        case "cohere":
            message = {"role": "assistant", "content": [{"type": "text", "text": "hi"}]}
            value = {"id": "m", "finish_reason": "COMPLETE", "message": message, "usage": usage}
        case "ollama":
            value = {"model": model, "message": _said("hi"), "done": True, "done_reason": "stop", **usage}
        case "replicate":
            value = {"id": "p", "status": "succeeded", "output": ["hi"], "metrics": usage, "urls": {}, "model": model}
        case _:
            choice = {"index": 0, "message": _said("hi"), "finish_reason": "stop"}
            value = {"id": "m", "object": "chat.completion", "model": model, "choices": [choice], "usage": usage}
            value |= {"service_tier": tier} if tier else {}
    return Wire(JSON, encode(value))


def streamed(provider: str, model: str, usage: dict[str, Any], tier: str | None = None) -> Wire | None:
    """Return a stream that reports its usage as often as the provider does; `None` where streams take several sends."""
    match provider:
        case "anthropic":
            begun = {"id": "m", "type": "message", "role": "assistant", "model": model, "content": []}
            block = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
            text = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "hi"}}
            return _events(
                {"type": "message_start", "message": {**begun, "usage": {**usage, "output_tokens": 1}}},
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
                {"candidates": [_candidate("i", "STOP")], "usageMetadata": usage, "modelVersion": model},
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
        case _:
            facts = {"id": "m", "object": "chat.completion.chunk", "model": model}
            facts |= {"service_tier": tier} if tier else {}
            chunk = {**facts, "choices": [{"index": 0, "delta": _said("hi"), "finish_reason": "stop"}]}
            # Some report with every chunk, always the sum so far.
            return Wire(SSE, _events({**chunk, "usage": usage}, {**facts, "choices": [], "usage": usage}).body + _DONE)


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


def _candidate(text: str, finish: str | None = None) -> dict[str, Any]:
    end = {"finishReason": finish} if finish else {}
    return {"index": 0, "content": {"role": "model", "parts": [{"text": text}]}, **end}
