"""Rendering answers as Ollama does.

There is no clock here: `created_at` is written where the answer says when it was made. Durations are written where
they are known, which is when the answer came from Ollama; a zero would be false.
"""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from math import ceil

from understudy.dialects.errors import status_of, statuses
from understudy.dialects.ollama.wire import CAPABILITIES, DURATIONS, write_arguments
from understudy.dialects.server import json_reply
from understudy.domain.content import JsonObject, Refusal, Text, ToolCall
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.finish import FinishReason
from understudy.domain.responses import EmbeddingResponse, GenerationResponse, ModelInfo
from understudy.wire.http import JSON_HEADERS, Headers, HttpReply
from understudy.wire.json import encode

NDJSON_HEADERS: Headers = (("content-type", "application/x-ndjson"),)

_K = FailureKind

_STATUSES = statuses({_K.CONFLICT: 502})

_NO_DETAILS: JsonObject = {
    "parent_model": "",
    "format": "",
    "family": "",
    "families": None,
    "parameter_size": "",
    "quantization_level": "",
}

_DONE = {FinishReason.STOP: "stop", FinishReason.TOOL_CALLS: "stop", FinishReason.LENGTH: "length"}


def render_whole(response: GenerationResponse, *, completion: bool) -> HttpReply:
    """Write a whole answer: of a chat, or of a text completion."""
    head = render_head(response.model, response.created)
    text = "".join(part.text for part in response.message.parts if isinstance(part, Text | Refusal))
    calls = [render_call(index, call) for index, call in enumerate(response.tool_calls)]
    return json_reply(
        {**head, **render_piece(text, response.thinking, calls, completion=completion), **render_end(response)}
    )


def render_embeddings(response: EmbeddingResponse, *, legacy: bool) -> HttpReply:
    """Render vectors; the older route has only one."""
    if legacy:
        return json_reply({"embedding": response.embeddings[0] if response.embeddings else ()})
    body: JsonObject = {"model": response.model or "", "embeddings": response.embeddings}
    if response.usage.input_total is not None:
        body["prompt_eval_count"] = response.usage.input_total
    return json_reply(body)


def render_models(models: list[ModelInfo]) -> HttpReply:
    """Render `/api/tags`."""
    return json_reply({"models": [_listed(model) for model in models]})


def render_single(models: list[ModelInfo], name: str) -> HttpReply:
    """Render `/api/show` for a model, or the error for an unknown one. A name without a tag means `:latest`."""
    model = next((model for model in models if _full(model.id) == _full(name)), None)
    if model is None:
        return render_error(Failure(kind=_K.NOT_FOUND, message=f"model '{name}' not found"))
    if model.raw is not None and isinstance(model.raw.get("model_info"), dict):
        return json_reply(model.raw)
    # Clients read `<architecture>.context_length`; the architecture is unknown here.
    facts: JsonObject = {"general.architecture": "unknown", "general.basename": model.id}
    if model.context_window is not None:
        facts["unknown.context_length"] = model.context_window
    texts = dict.fromkeys(("modelfile", "parameters", "template", "license"), "")
    return json_reply({**texts, "details": _described(model)["details"], "model_info": facts, **_facts(model)})


def render_error(failure: Failure) -> HttpReply:
    """Render an error, which is only a message."""
    status = status_of(failure, _STATUSES)
    hint: Headers = ()
    if failure.retry_after is not None:
        hint = (("retry-after", str(ceil(failure.retry_after))),)
    return HttpReply(status, (*JSON_HEADERS, *hint), encode({"error": failure.message}))


def render_head(model: str | None, created: float | None) -> JsonObject:
    """Return the fields that every line begins with."""
    head: JsonObject = {"model": model or ""}
    if (at := _time(created)) is not None:
        head["created_at"] = at
    return head


def _time(seconds: float | None) -> str | None:
    """Return a time as the server writes it; `None` if it is unknown or out of range."""
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return None


def render_piece(text: str, thinking: str, calls: list[JsonObject], *, completion: bool) -> JsonObject:
    """Return the part of a line that carries the answer; only lines of a chat wrap it in a message."""
    piece: JsonObject = {"response": text} if completion else {"role": "assistant", "content": text}
    if thinking:
        piece["thinking"] = thinking
    if calls:
        piece["tool_calls"] = calls
    return piece if completion else {"message": piece}


def render_call(index: int, call: ToolCall) -> JsonObject:
    """Render one tool call."""
    arguments, _ = write_arguments(call.arguments)
    function = {"index": index, "name": call.name, "arguments": arguments}
    return {"id": call.id, "function": function}


def render_end(response: GenerationResponse) -> JsonObject:
    """Render the fields of the last line."""
    end: JsonObject = {"done": True}
    if reason := _reason(response):
        end["done_reason"] = reason
    durations = response.extra.get("durations")
    if isinstance(durations, dict):
        end |= {name: durations[name] for name in DURATIONS if name in durations}
    for name in ("remote_model", "remote_host"):
        if isinstance(value := response.extra.get(name), str):
            end[name] = value
    counts = {"prompt_eval_count": response.usage.input_total, "eval_count": response.usage.output_total}
    end |= {name: count for name, count in counts.items() if count is not None}
    logprobs = response.extra.get("logprobs")
    if isinstance(logprobs, dict) and logprobs.get("content"):
        end["logprobs"] = logprobs["content"]
    return end


def _reason(response: GenerationResponse) -> str | None:
    """Return Ollama's word for the finish reason, else the unified one; an unknown reason stays as it is."""
    if response.finish_reason_raw in ("load", "unload"):
        return response.finish_reason_raw
    if response.finish_reason is FinishReason.UNKNOWN:
        return response.finish_reason_raw
    return _DONE.get(response.finish_reason, response.finish_reason.value)


def _full(name: str) -> str:
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def _listed(model: ModelInfo) -> JsonObject:
    return {"name": model.id, "model": model.id, **_described(model), **_facts(model)}


def _described(model: ModelInfo) -> JsonObject:
    """Return the size, digest and details of a model, which clients read without looking whether they are there.

    What is unknown is 0 or empty. The digest must have a digest's length: Ollama's own client shows its beginning.
    """
    raw = model.raw or {}
    known = {key: raw[key] for key in ("size", "digest", "details") if isinstance(raw.get(key), int | str | dict)}
    details = known.get("details")
    digest = sha256(model.id.encode()).hexdigest()
    unknown: JsonObject = {"size": 0, "digest": digest}
    return {**unknown, **known, "details": {**_NO_DETAILS, **(details if isinstance(details, dict) else {})}}


def _facts(model: ModelInfo) -> JsonObject:
    facts: JsonObject = {}
    if (at := _time(model.created)) is not None:
        facts["modified_at"] = at
    if model.capabilities is not None:
        facts["capabilities"] = [name for name, unified in CAPABILITIES.items() if unified in model.capabilities]
    return facts
