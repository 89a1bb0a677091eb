"""One answer in every dialect, plain and streamed: "Hello there", with counts, for tests to spoil."""

from __future__ import annotations

from typing import Any

TEXT = "Hello there"


def usage_of(dialect: str, prompt: Any = 10, answer: Any = 5) -> dict[str, Any]:
    """The counts as the dialect writes them."""
    match dialect:
        case "openai":
            return {"prompt_tokens": prompt, "completion_tokens": answer}
        case "gemini":
            return {"promptTokenCount": prompt, "candidatesTokenCount": answer}
        case "cohere":
            return {"tokens": {"input_tokens": prompt, "output_tokens": answer}}
        case "ollama":
            return {"prompt_eval_count": prompt, "eval_count": answer}
    return {"input_tokens": prompt, "output_tokens": answer}


def plain(dialect: str, usage: Any) -> dict[str, Any]:
    match dialect:
        case "openai":
            choice = {"index": 0, "message": {"role": "assistant", "content": TEXT}, "finish_reason": "stop"}
            return {"id": "c1", "model": "m-1", "created": 1, "choices": [choice], "usage": usage}
        case "responses":
            return response_object("completed", usage)
        case "anthropic":
            block = {"type": "text", "text": TEXT}
            return {
                "type": "message", "id": "m1", "model": "m-1", "role": "assistant", "content": [block],
                "stop_reason": "end_turn", "usage": usage,
            }  # fmt: skip
        case "gemini":
            candidate = {"content": {"role": "model", "parts": [{"text": TEXT}]}, "finishReason": "STOP", "index": 0}
            return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": "m-1", "responseId": "r1"}
        case "cohere":
            said = {"role": "assistant", "content": [{"type": "text", "text": TEXT}]}
            return {"id": "c1", "message": said, "finish_reason": "COMPLETE", "usage": usage}
    said = {"role": "assistant", "content": TEXT}
    return {
        "model": "m-1",
        "created_at": "2026-01-01T00:00:00Z",
        "message": said,
        "done": True,
        "done_reason": "stop",
    } | (usage if isinstance(usage, dict) else {"eval_count": usage})


def response_object(status: str, usage: Any = None, *output: Any, **more: Any) -> dict[str, Any]:
    content = [{"type": "output_text", "text": TEXT, "annotations": []}]
    message = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": content}
    items = [*output] or [message]
    return {"id": "resp_1", "model": "m-1", "created_at": 1, "status": status, "output": items, "usage": usage, **more}


def events(dialect: str, usage: Any) -> list[Any]:
    """The same as a stream, in two pieces."""
    match dialect:
        case "openai":
            return [
                chunk({"role": "assistant", "content": "Hello "}),
                chunk({"content": "there"}),
                chunk({}, finish="stop"),
                {"id": "c1", "model": "m-1", "choices": [], "usage": usage},
                b"data: [DONE]\n\n",
            ]
        case "responses":
            place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
            item = {"type": "message", "id": "msg_1", "role": "assistant", "content": []}
            return [
                {"type": "response.created", "response": {"id": "resp_1", "model": "m-1", "created_at": 1}},
                {"type": "response.output_item.added", "output_index": 0, "item": item},
                {"type": "response.output_text.delta", "delta": "Hello ", **place},
                {"type": "response.output_text.delta", "delta": "there", **place},
                {"type": "response.completed", "response": response_object("completed", usage)},
            ]
        case "anthropic":
            begun = {"id": "m1", "model": "m-1", "content": [], "usage": {"input_tokens": 10, "output_tokens": 1}}
            return [
                {"type": "message_start", "message": begun},
                {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
                {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello "}},
                {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "there"}},
                {"type": "content_block_stop", "index": 0},
                {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage},
                {"type": "message_stop"},
            ]
        case "gemini":
            first = {"candidates": [{"content": {"parts": [{"text": "Hello "}]}, "index": 0}], "responseId": "r1"}
            last = {"content": {"parts": [{"text": "there"}]}, "finishReason": "STOP", "index": 0}
            return [{**first, "modelVersion": "m-1"}, {"candidates": [last], "usageMetadata": usage}]
        case "cohere":
            return [
                {"type": "message-start", "id": "c1", "delta": {"message": {"role": "assistant"}}},
                {"type": "content-start", "index": 0, "delta": {"message": {"content": {"type": "text", "text": ""}}}},
                {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "Hello "}}}},
                {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": "there"}}}},
                {"type": "content-end", "index": 0},
                {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": usage}},
            ]
    head = {"model": "m-1", "created_at": "2026-01-01T00:00:00Z", "done": False}
    return [
        {**head, "message": {"role": "assistant", "content": "Hello "}},
        {**head, "message": {"role": "assistant", "content": "there"}},
        {**plain("ollama", usage), "message": {"role": "assistant", "content": ""}},
    ]


def chunk(delta: Any, *, finish: str | None = None, **more: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish, **more.pop("choice", {})}
    return {"id": "c1", "model": "m-1", "created": 1, "choices": [choice], **more}


SIX = ("openai", "responses", "anthropic", "gemini", "cohere", "ollama")
SSE = tuple(dialect for dialect in SIX if dialect != "ollama")
