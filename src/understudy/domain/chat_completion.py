"""Answers as chat completion objects, and vectors as lists of embedding objects: the form that most code reads.

Both responses offer it (`to_openai`), and the dialect of this form renders with it. `dialect` is that dialect's name,
under which parts keep the fields of their own wire.
Source: OpenAI API reference, "The chat completion object" and "The embedding object".
"""

# ruff: noqa: D102 - the properties of the two protocols are the fields of the two responses, described there
from __future__ import annotations

from typing import Any, Protocol

from understudy.domain.content import Audio, Citation, Image, JsonObject, Refusal, Text, Thinking, ToolCall
from understudy.domain.finish import FinishReason
from understudy.domain.messages import Message
from understudy.domain.usage import Usage

_FINISH = {
    FinishReason.LENGTH: "length",
    FinishReason.TOOL_CALLS: "tool_calls",
    FinishReason.CONTENT_FILTER: "content_filter",
}

FACTS = ("service_tier", "system_fingerprint", "moderation")
"""Keys of `response.extra` that are fields of the completion object itself."""

_TIERS = frozenset({"auto", "default", "flex", "scale", "priority", "fast"})
"""The service tiers that OpenAI has; other providers note theirs, by other words, under the same key."""


def is_fact(key: str, value: Any) -> bool:
    """Check whether a fact is a field of the completion object; the tiers of Anthropic and Google have other names."""
    return key in FACTS and not (key == "service_tier" and value in ("standard", "batch"))


class Answer(Protocol):
    """What of a generation is part of the form."""

    @property
    def id(self) -> str | None: ...
    @property
    def model(self) -> str | None: ...
    @property
    def created(self) -> float | None: ...
    @property
    def message(self) -> Message: ...
    @property
    def finish_reason(self) -> FinishReason: ...
    @property
    def usage(self) -> Usage: ...
    @property
    def extra(self) -> JsonObject: ...


class Embeddings(Protocol):
    """What of an embedding is part of the form."""

    @property
    def embeddings(self) -> tuple[tuple[float, ...], ...]: ...
    @property
    def model(self) -> str | None: ...
    @property
    def usage(self) -> Usage: ...


def finish_reason(reason: FinishReason) -> str:
    """Return OpenAI's word for a finish reason; reasons that it has no word for are `stop`."""
    return _FINISH.get(reason, "stop")


def answer_object(response: Answer, dialect: str) -> dict[str, Any]:
    """Return the answer for code that reads OpenAI's: nothing in it that OpenAI's own types refuse.

    What has no place there goes by the names that such code knows: thinking is `reasoning` (Groq, Together, OpenRouter)
    and `reasoning_content` (DeepSeek, LiteLLM), pictures are `images` (OpenRouter, LiteLLM).
    """
    body = completion_object(response, dialect)
    like_openai(body)
    if images := [part.data_url() for part in response.message.parts if isinstance(part, Image)]:
        body["choices"][0]["message"]["images"] = [
            {"type": "image_url", "image_url": {"url": url}, "index": index} for index, url in enumerate(images) if url
        ]
    return body


def like_openai(body: dict[str, Any]) -> None:
    """Fix a completion or a chunk in place: see `answer_object`."""
    for choice in body["choices"]:
        message = choice.get("message") or choice.get("delta") or {}
        if "reasoning" in message:
            message["reasoning_content"] = message["reasoning"]
        if choice.get("logprobs") is not None:
            choice["logprobs"] = {key: _tokens(entries) for key, entries in choice["logprobs"].items()}
    if body.get("service_tier") not in _TIERS:
        body.pop("service_tier", None)


def embeddings_object(response: Embeddings) -> dict[str, Any]:
    """Return vectors as a `list` of `embedding` objects. Unknown token counts are 0: the form demands numbers."""
    tokens = response.usage.input_total or 0
    return {
        "object": "list",
        "data": [
            {"object": "embedding", "index": index, "embedding": list(vector)}
            for index, vector in enumerate(response.embeddings)
        ],
        "model": response.model or "",
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }


def completion_object(response: Answer, dialect: str) -> dict[str, Any]:
    """Return the answer as a `chat.completion` object."""
    body: dict[str, Any] = {
        "id": response.id or "chatcmpl-understudy",
        "object": "chat.completion",
        "created": int(response.created or 0),
        "model": response.model or "",
        "choices": [
            {
                "index": 0,
                "message": message_object(response.message, dialect),
                "logprobs": logprobs_object(response.extra.get("logprobs")),
                "finish_reason": finish_reason(response.finish_reason),
            }
        ],
        "usage": usage_object(response.usage),
    }
    body |= {key: value for key, value in response.extra.items() if is_fact(key, value)}
    return body


def logprobs_object(value: Any) -> dict[str, Any] | None:
    """Return noted log probabilities as a choice holds them; `None` when there are none in this form."""
    if not isinstance(value, dict):
        return None
    return {"content": value.get("content"), "refusal": value.get("refusal")}


def _tokens(entries: Any) -> list[dict[str, Any]] | None:
    """Return the log probabilities of tokens, with the alternatives that the form demands; `None` for others."""
    if not isinstance(entries, list) or not all(
        isinstance(entry, dict)
        and isinstance(entry.get("token"), str)
        and isinstance(entry.get("logprob"), int | float)
        for entry in entries
    ):
        return None
    return [{"bytes": None, **entry, "top_logprobs": _tokens(entry.get("top_logprobs")) or []} for entry in entries]


def message_object(message: Message, dialect: str) -> dict[str, Any]:
    """Return an assistant's message in OpenAI's form; thinking goes to `reasoning`, as several providers do."""
    parts = message.parts
    calls = [tool_call_object(part, dialect) for part in parts if isinstance(part, ToolCall)]
    texts = [part.text for part in parts if isinstance(part, Text)]
    refusal = "".join(part.text for part in parts if isinstance(part, Refusal)) or None
    body: dict[str, Any] = {"role": "assistant", "content": "".join(texts) if texts else None, "refusal": refusal}
    if thinking := "".join(part.text for part in parts if isinstance(part, Thinking)):
        body["reasoning"] = thinking
    citations = [citation for part in parts if isinstance(part, Text) for citation in part.citations]
    if annotations := [each for each in (annotation_object(one, dialect) for one in citations) if each is not None]:
        body["annotations"] = annotations
    if audio := next((part for part in parts if isinstance(part, Audio)), None):
        body["audio"] = audio_object(audio, dialect)
    if calls:
        body["tool_calls"] = calls
    if body["content"] is None and not calls and refusal is None:
        body["content"] = ""
    return body


def tool_call_object(call: ToolCall, dialect: str) -> dict[str, Any]:
    """Return one tool call in OpenAI's form, a custom tool's as such."""
    if (call.extra or {}).get(dialect, {}).get("type") == "custom":
        return {"id": call.id, "type": "custom", "custom": {"name": call.name, "input": call.arguments}}
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def audio_object(audio: Audio, dialect: str) -> dict[str, Any]:
    """Return spoken words in OpenAI's form; `expires_at` (Unix seconds) is 0 when their lifetime is unknown."""
    expires_at = (audio.extra or {}).get(dialect, {}).get("expires_at", 0)
    return {
        "id": audio.file_id or "",
        "data": audio.data or "",
        "transcript": audio.transcript or "",
        "expires_at": expires_at,
    }


def usage_object(usage: Usage) -> dict[str, Any] | None:
    """Return the counts in OpenAI's form, where classes include each other; `None` when nothing is known."""
    if usage.total is None:
        return None
    written = None if usage.cache_write is None else usage.cache_write + (usage.cache_write_1h or 0)
    prompt = {"cached_tokens": usage.cached, "audio_tokens": usage.audio_input, "cache_write_tokens": written}
    completion = {"reasoning_tokens": usage.reasoning, "audio_tokens": usage.audio_output}
    body: dict[str, Any] = {
        "prompt_tokens": usage.input_total or 0,
        "completion_tokens": usage.output_total or 0,
        "total_tokens": usage.total,
    }
    if known := {key: value for key, value in prompt.items() if value is not None}:
        body["prompt_tokens_details"] = known
    if known := {key: value for key, value in completion.items() if value is not None}:
        body["completion_tokens_details"] = known
    return body


def annotation_object(citation: Citation, dialect: str) -> dict[str, Any] | None:
    """Return a citation as OpenAI writes it; `None` for one without a URL, which has no place in this form."""
    if citation.dialect == dialect and citation.raw is not None:
        return citation.raw
    if not citation.url:
        return None
    fields = {
        "url": citation.url,
        "title": citation.title or "",
        "start_index": citation.start or 0,
        "end_index": citation.end or 0,
    }
    return {"type": "url_citation", "url_citation": fields}
