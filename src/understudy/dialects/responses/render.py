"""Answers as response objects, and the pieces of them that a stream needs too.

Source: OpenAI's OpenAPI document (2.3.0), "Response"; what its Python SDK (2.54.0) requires of each item.
"""

from __future__ import annotations

from typing import Any

import msgspec

from understudy.dialects.responses.citations import render_citation
from understudy.dialects.responses.usage import render_usage
from understudy.dialects.responses.wire import CALL_PREFIX, CALL_TEXT, NAME
from understudy.dialects.server import Inbound, json_reply
from understudy.domain.content import AnyPart, JsonObject, Opaque, Part, Refusal, Text, Thinking, ToolCall
from understudy.domain.finish import FinishReason
from understudy.domain.responses import GenerationResponse, TokenCount
from understudy.domain.usage import Usage
from understudy.wire.http import HttpReply

_ECHO_DEFAULTS: JsonObject = {
    "instructions": None,
    "max_output_tokens": None,
    "metadata": {},
    "parallel_tool_calls": True,
    "reasoning": {"effort": None, "summary": None},
    "temperature": None,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_p": None,
    "truncation": "disabled",
}


_TIERS = ("auto", "default", "flex", "scale", "priority", "fast")
"""What OpenAI's clients accept; other providers have words of their own."""


class Ending(msgspec.Struct, frozen=True):
    """How a response ends on this wire."""

    status: str
    reason: str | None = None
    error: JsonObject | None = None


class ResponseHead(msgspec.Struct, frozen=True):
    """The fields of a response that are known from the beginning. `echo` repeats fields of the request."""

    id: str
    model: str
    created: float
    echo: JsonObject

    def item_id(self, prefix: str, position: int) -> str:
        """Return an id for the item at a position, derived from the response's own."""
        return f"{prefix}_{self.id.removeprefix('resp_')}_{position}"


def head_of(response_id: str | None, model: str | None, created: float | None, options: dict[str, Any]) -> ResponseHead:
    """Gather the head of a response; `options` are those of the inbound request."""
    echo = options.get("echo")
    return ResponseHead(response_id or "resp_understudy", model or "", created or 0, echo or {})


def ending_of(reason: FinishReason) -> Ending:
    """Return how a response with this finish reason ends; reasons without a word on this wire are `completed`."""
    match reason:
        case FinishReason.LENGTH:
            return Ending("incomplete", "max_output_tokens")
        case FinishReason.CONTENT_FILTER:
            return Ending("incomplete", "content_filter")
        case FinishReason.PAUSED:
            return Ending("incomplete")
        case FinishReason.ERROR:
            return Ending("failed", error={"code": "server_error", "message": "The model stopped with an error."})
        case _:
            return Ending("completed")


def render_response(
    head: ResponseHead, output: list[JsonObject], ending: Ending, usage: Usage, facts: JsonObject
) -> JsonObject:
    """Render a response. `facts` may hold `service_tier`."""
    tier = facts.get("service_tier")
    return {
        "id": head.id,
        "object": "response",
        "created_at": int(head.created),
        "status": ending.status,
        "background": False,
        "error": ending.error,
        "incomplete_details": {"reason": ending.reason} if ending.reason else None,
        **_ECHO_DEFAULTS,
        **head.echo,
        "model": head.model,
        "output": output,
        "previous_response_id": None,
        "service_tier": tier if tier in _TIERS else None,
        "store": False,
        "usage": render_usage(usage),
    }


def render_whole(response: GenerationResponse, inbound: Inbound) -> HttpReply:
    """Render an answer as a response object."""
    head = head_of(response.id, response.model, response.created, inbound.options)
    output: list[JsonObject] = []
    for part in response.message.parts:
        item = render_item(part, head, len(output))
        if item is None:
            continue
        last = output[-1] if output else {}
        if item.get("type") == last.get("type") == "message" and item.get("id") == last.get("id"):
            output[-1] = {**last, "content": [*last["content"], *item["content"]]}
        else:
            output.append(item)
    _place_logprobs(output, response.extra.get("logprobs"))
    ending = ending_of(response.finish_reason)
    return json_reply(render_response(head, output, ending, response.usage, response.extra))


def render_token_count(count: TokenCount, inbound: Inbound) -> HttpReply:
    """Render a token count."""
    return json_reply({"object": "response.input_tokens", "input_tokens": count.input_tokens})


def render_item(part: AnyPart, head: ResponseHead, position: int) -> JsonObject | None:
    """Render a part as the item that it is; `None` for what this wire cannot express."""
    match part:
        case Text() | Refusal():
            about = extra_of(part).get("item", {})
            base = {"id": head.item_id("msg", position), "type": "message", "status": "completed"}
            return {**base, **about, "role": "assistant", "content": [render_content(part)]}
        case ToolCall():
            about = extra_of(part)
            kind = about.get("type", "function_call")
            base = {"id": head.item_id(CALL_PREFIX.get(kind, "fc"), position), "type": kind, "status": "completed"}
            field = CALL_TEXT.get(kind, "arguments")
            return {**base, **about, "call_id": part.id, "name": part.name, field: part.arguments}
        case Thinking():
            own = extra_of(part)
            if own.get("type") == "reasoning":
                return own
            return _reasoning_item(part, own.get("id") or head.item_id("rs", position))
        case Opaque(dialect, json) if dialect == NAME and isinstance(json, dict):
            return json
        case _:
            return None


def render_content(part: Text | Refusal) -> JsonObject:
    """Render a text or refusal as content of a message."""
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text}
    annotations = [written for citation in part.citations if (written := render_citation(citation)) is not None]
    return {"type": "output_text", "text": part.text, "annotations": annotations, "logprobs": []}


def _reasoning_item(thinking: Thinking, item_id: str) -> JsonObject:
    """Return an item for another provider's thinking: only its text, because its signature would be refused later."""
    summary = [{"type": "summary_text", "text": thinking.text}] if thinking.text else []
    item: JsonObject = {"id": item_id, "type": "reasoning", "summary": summary}
    source = thinking.provenance
    if thinking.signature is not None and (source is None or source.dialect == NAME):
        item["encrypted_content"] = thinking.signature
    return item


def extra_of(part: Part) -> JsonObject:
    """Return the wire fields that were kept for this dialect."""
    return (part.extra or {}).get(NAME, {})


def _place_logprobs(output: list[JsonObject], logprobs: Any) -> None:
    """Put the log probabilities of the answer on its first text."""
    if not isinstance(logprobs, dict) or not isinstance(logprobs.get("content"), list):
        return
    for item in output:
        for content in item.get("content") or ():
            if content.get("type") == "output_text":
                content["logprobs"] = logprobs["content"]
                return
