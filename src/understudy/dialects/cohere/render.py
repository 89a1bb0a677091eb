"""Answers in the form of Cohere's API: whole chats, vectors, counts, models and errors."""

from __future__ import annotations

from understudy.dialects.cohere.citations import citations_of, write_citation
from understudy.dialects.cohere.errors import TOO_LONG
from understudy.dialects.cohere.usage import render_usage
from understudy.dialects.cohere.wire import FEATURES, FINISH, NAME, is_plan
from understudy.dialects.embeddings import pack_vector
from understudy.dialects.errors import status_of, statuses, worded
from understudy.dialects.server import Inbound, json_reply
from understudy.domain.content import AnyPart, JsonObject, Opaque, Refusal, Text, Thinking, ToolCall
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.finish import FinishReason
from understudy.domain.requests import EmbeddingRequest, ModelsRequest
from understudy.domain.responses import EmbeddingResponse, GenerationResponse, ModelInfo, TokenCount
from understudy.wire.http import JSON_HEADERS, HttpReply
from understudy.wire.json import encode

_REASONS = {
    FinishReason.STOP: "COMPLETE",
    FinishReason.PAUSED: "COMPLETE",
    FinishReason.LENGTH: "MAX_TOKENS",
    FinishReason.TOOL_CALLS: "TOOL_CALL",
    FinishReason.CONTENT_FILTER: "ERROR_TOXIC",
    FinishReason.ERROR: "ERROR",
}

_K = FailureKind
_STATUSES = statuses({_K.CONTENT_FILTER: 498}, unknown=(502,))


def render_whole(response: GenerationResponse, inbound: Inbound) -> HttpReply:
    """Render an answer as the body of a chat."""
    message: JsonObject = {"role": "assistant"}
    content: list[JsonObject] = []
    citations: list[JsonObject] = []
    plan = ""
    calls: list[JsonObject] = []
    for part in response.message.parts:
        match part:
            case ToolCall():
                calls.append(render_call(part.id, part.name, part.arguments))
            case Thinking(text) if is_plan(part):
                plan += text
                citations += citations_of(part)
            case _:
                if (block := render_part(part)) is not None:
                    content.append(block)
                    citations += _citations(part, len(content) - 1)
    optional = {"tool_plan": plan, "content": content, "tool_calls": calls, "citations": citations}
    message.update((name, value) for name, value in optional.items() if value)
    body: JsonObject = {
        "id": response.id or "understudy",
        "message": message,
        "finish_reason": render_finish_reason(response.finish_reason, response.finish_reason_raw),
    }
    if (usage := render_usage(response.usage)) is not None:
        body["usage"] = usage
    if chances := render_logprobs(response.extra.get("logprobs")):
        body["logprobs"] = chances
    return json_reply(body)


def render_finish_reason(reason: FinishReason, raw: str | None) -> str | None:
    """Return the finish reason: this wire's word if there is one, else the provider's own."""
    return raw if FINISH.get(raw or "") is reason else _REASONS.get(reason, raw)


def render_call(call_id: str, name: str, arguments: str) -> JsonObject:
    """Return a tool call."""
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}}


def render_part(part: AnyPart) -> JsonObject | None:
    """Return a part of an answer as a content block; `None` if this wire has no block for it."""
    match part:
        case Text(text) | Refusal(text):
            return {"type": "text", "text": text}
        case Thinking(text, redacted=None) if text:
            return {"type": "thinking", "thinking": text}
        case Opaque(dialect, json) if dialect == NAME and isinstance(json, dict):
            return json
        case _:
            return None


def _citations(part: AnyPart, position: int) -> list[JsonObject]:
    if not isinstance(part, Text):
        return citations_of(part)
    written = (write_citation(citation, part.text, position) for citation in part.citations)
    return [raw for raw in written if raw is not None]


def render_logprobs(chances: object) -> list[JsonObject]:
    """Return log probabilities, which this library keeps in OpenAI's form, in this wire's."""
    match chances:
        case {"content": list(items)}:
            return [_chunk(item) for item in items if isinstance(item, dict)]
        case _:
            return []


def _chunk(item: JsonObject) -> JsonObject:
    own: JsonObject = {name: item[name] for name in ("text", "token_ids", "logprobs") if name in item}
    return {"text": item.get("token", ""), "token_ids": [], "logprobs": [item.get("logprob")], **own}


def render_embeddings(response: EmbeddingResponse, inbound: Inbound) -> HttpReply:
    """Render vectors in the requested types. Rounded ones can only be passed on, not made."""
    asked = inbound.options.get("embedding_types")
    types = asked if isinstance(asked, tuple) else ("float",)
    embeddings: JsonObject = {}
    for name in types:
        if name == "base64":
            embeddings[name] = [pack_vector(vector) for vector in response.embeddings]
        elif name == "float":
            embeddings[name] = response.embeddings
        elif all(number.is_integer() for vector in response.embeddings for number in vector):
            embeddings[name] = [[int(number) for number in vector] for vector in response.embeddings]
        else:
            return render_error(Failure(kind=_K.UNSUPPORTED, message=f"embedding_types: {name} is not available here"))
    meta: JsonObject = {"api_version": {"version": "2"}}
    if response.usage.input_total is not None:
        meta["billed_units"] = {"input_tokens": response.usage.input_total}
    texts = inbound.request.texts if isinstance(inbound.request, EmbeddingRequest) else ()
    body = {
        "id": "understudy",
        "embeddings": embeddings,
        "texts": texts,
        "meta": meta,
        "response_type": "embeddings_by_type",
    }
    return json_reply(body)


def render_token_count(count: TokenCount, inbound: Inbound) -> HttpReply:
    """Write a token count. Only their number is known: each token's id is 0, and texts are omitted."""
    return json_reply({"tokens": [0] * count.input_tokens, "token_strings": []})


def render_models(models: list[ModelInfo], inbound: Inbound) -> HttpReply:
    """Write the page that was asked for, or the one model."""
    wanted = inbound.request
    if not isinstance(wanted, ModelsRequest):
        raise TypeError("a model list answers a ModelsRequest")
    if wanted.model is not None:
        found = next((model for model in models if model.id == wanted.model), None)
        if found is None:
            return render_error(Failure(kind=_K.NOT_FOUND, message=f"model '{wanted.model}' not found"))
        return json_reply(render_model(found))
    endpoint = inbound.options.get("endpoint")
    listed = [render_model(model) for model in models]
    if isinstance(endpoint, str):
        listed = [model for model in listed if endpoint in model["endpoints"]]
    if inbound.options.get("default_only") == "true":
        listed = [model for model in listed if endpoint in (model.get("default_endpoints") or ())]
    names = [model["name"] for model in listed]
    start = names.index(wanted.after) + 1 if wanted.after in names else 0
    end = start + (wanted.limit or len(listed))
    body: JsonObject = {"models": listed[start:end]}
    if end < len(listed):
        body["next_page_token"] = names[end - 1]
    return json_reply(body)


def render_model(model: ModelInfo) -> JsonObject:
    """Return a model as an entry of the list; an entry that came from this dialect stays as it is."""
    raw = model.raw or {}
    if "endpoints" in raw and "name" in raw:
        return {**raw, "name": model.id}
    able = model.capabilities
    body: JsonObject = {
        "name": model.id,
        "endpoints": ["chat"] if able is None else [name for name in ("chat", "embed") if name in able],
        "finetuned": False,
        "default_endpoints": [],
        "tokenizer_url": None,
    }
    if model.context_window is not None:
        body["context_length"] = model.context_window
    if able is not None:
        body["features"] = [theirs for theirs, ours in FEATURES.items() if ours in able]
    return body


def render_error(failure: Failure) -> HttpReply:
    """Write an error with its status."""
    headers = [*JSON_HEADERS]
    if failure.retry_after is not None:
        headers.append(("retry-after", f"{failure.retry_after:g}"))
    if failure.should_retry is not None:
        headers.append(("x-should-retry", str(failure.should_retry).lower()))
    body: JsonObject = {"message": render_error_message(failure)}
    if failure.request_id is not None:
        body["id"] = failure.request_id
    return HttpReply(status_of(failure, _STATUSES), tuple(headers), encode(body))


def render_error_message(failure: Failure) -> str:
    """Return the message of a failure, with the words by which clients recognize a prompt that is too long."""
    return worded(failure, {_K.CONTEXT_LENGTH: TOO_LONG})
