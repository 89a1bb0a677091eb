"""Writing answers as Ollama does.

There is no clock here: `created_at` is written where the answer says when it was made. Durations are written where
they are known, which is when the answer came from Ollama; a zero would be a lie.
"""

from __future__ import annotations

from datetime import UTC, datetime
from math import ceil

from understudy.dialects.errors import status_of, statuses
from understudy.dialects.ollama.history import arguments_object
from understudy.dialects.ollama.wire import CAPABILITIES, DURATIONS
from understudy.domain import events as e
from understudy.domain.content import JsonObject, Refusal, Text, Thinking, ToolCall
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.finish import FinishReason
from understudy.domain.fold import Fold
from understudy.domain.responses import EmbeddingResponse, GenerationResponse, ModelInfo
from understudy.wire.http import JSON_HEADERS, Headers, HttpReply
from understudy.wire.json import encode

NDJSON_HEADERS: Headers = (("content-type", "application/x-ndjson"),)

_K = FailureKind

_STATUSES = statuses({_K.CONFLICT: 502})

_DONE = {FinishReason.STOP: "stop", FinishReason.TOOL_CALLS: "stop", FinishReason.LENGTH: "length"}


def whole(response: GenerationResponse, *, completion: bool) -> HttpReply:
    """Write a whole answer: of a chat, or of a text completion."""
    head = _head(response.model, response.created)
    text = "".join(part.text for part in response.message.parts if isinstance(part, Text | Refusal))
    calls = [_call(index, call) for index, call in enumerate(response.tool_calls)]
    return reply(200, {**head, **_piece(text, response.thinking, calls, completion=completion), **_end(response)})


class LineRenderer:
    """Writes a streamed answer, one JSON object a line.

    Tool calls go out whole, ahead of the last line, because their pieces may arrive mixed. Frames of this dialect are
    forwarded as they came, unless a text completion is answered, whose lines have another form than a chat's.
    """

    headers: Headers = NDJSON_HEADERS

    def __init__(self, model: str | None, *, completion: bool) -> None:
        self._completion = completion
        self._model = model
        self._fold = Fold()
        self._forwarded = False

    def feed(self, event: e.Event) -> bytes:
        """Write one event."""
        if event.wire is not None and not self._completion:
            self._forwarded = True
            return event.wire
        match event:
            case e.TextDelta(_, text) | e.RefusalDelta(_, text) | e.PartAdded(_, Text(text) | Refusal(text)):
                return self._line(_piece(text, "", [], completion=self._completion)) if text else b""
            case e.ThinkingDelta(_, text) | e.PartAdded(_, Thinking(text)):
                return self._line(_piece("", text, [], completion=self._completion)) if text else b""
            case _:
                self._fold.add(event)
                return b""

    def close(self) -> bytes:
        """Write the tool calls, then the last line, which is the end mark."""
        if self._forwarded:
            return b""
        response = self._fold.response()
        calls = [_call(index, call) for index, call in enumerate(response.tool_calls)]
        lines = self._line(_piece("", "", calls, completion=self._completion)) if calls else b""
        return lines + self._line({**_piece("", "", [], completion=self._completion), **_end(response)})

    def fail(self, failure: Failure) -> bytes:
        """Write the error as the last line; nothing says `done`."""
        return encode({"error": failure.message}) + b"\n"

    def _line(self, piece: JsonObject) -> bytes:
        started = self._fold.started
        return encode({**_head(started.model or self._model, started.created), "done": False, **piece}) + b"\n"


def vectors(response: EmbeddingResponse, *, legacy: bool) -> HttpReply:
    """Write vectors; the older route has one, and nothing beside it."""
    if legacy:
        return reply(200, {"embedding": response.embeddings[0] if response.embeddings else ()})
    body: JsonObject = {"model": response.model or "", "embeddings": response.embeddings}
    if response.usage.input_total is not None:
        body["prompt_eval_count"] = response.usage.input_total
    return reply(200, body)


def model_list(models: list[ModelInfo]) -> HttpReply:
    """Write `/api/tags`."""
    return reply(200, {"models": [_listed(model) for model in models]})


def one_model(models: list[ModelInfo], name: str) -> HttpReply:
    """Write `/api/show` of a model, or say that there is none of that name. A name without a tag means `:latest`."""
    model = next((model for model in models if _full(model.id) == _full(name)), None)
    if model is None:
        return error(Failure(kind=_K.NOT_FOUND, message=f"model '{name}' not found"))
    if model.raw is not None and isinstance(model.raw.get("model_info"), dict):
        return reply(200, model.raw)
    # Clients look for `<architecture>.context_length`; an architecture of our own says that we don't know it.
    facts: JsonObject = {"general.architecture": "unknown", "general.basename": model.id}
    if model.context_window is not None:
        facts["unknown.context_length"] = model.context_window
    body: JsonObject = {"model_info": facts, "details": {}}
    return reply(200, {**body, **_facts(model)})


def error(failure: Failure) -> HttpReply:
    """Write an error: the message is all there is."""
    status = status_of(failure, _STATUSES)
    hint: Headers = ()
    if failure.retry_after is not None:
        hint = (("retry-after", str(ceil(failure.retry_after))),)
    return HttpReply(status, (*JSON_HEADERS, *hint), encode({"error": failure.message}))


def reply(status: int, body: JsonObject) -> HttpReply:
    """Write a JSON body."""
    return HttpReply(status, JSON_HEADERS, encode(body))


def _head(model: str | None, created: float | None) -> JsonObject:
    head: JsonObject = {"model": model or ""}
    if (at := _time(created)) is not None:
        head["created_at"] = at
    return head


def _time(seconds: float | None) -> str | None:
    """A time as the server writes it; `None` when it is not known, or no time that a calendar has."""
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return None


def _piece(text: str, thinking: str, calls: list[JsonObject], *, completion: bool) -> JsonObject:
    """The part of a line that carries the answer; only a chat's lines wrap it in a message."""
    piece: JsonObject = {"response": text} if completion else {"role": "assistant", "content": text}
    if thinking:
        piece["thinking"] = thinking
    if calls:
        piece["tool_calls"] = calls
    return piece if completion else {"message": piece}


def _call(index: int, call: ToolCall) -> JsonObject:
    arguments, _ = arguments_object(call.arguments)
    function = {"index": index, "name": call.name, "arguments": arguments}
    return {"id": call.id, "function": function}


def _end(response: GenerationResponse) -> JsonObject:
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
    """Ollama's word for the reason. What it has no word for goes out under ours; an unknown one under its own."""
    if response.finish_reason_raw in ("load", "unload"):
        return response.finish_reason_raw
    if response.finish_reason is FinishReason.UNKNOWN:
        return response.finish_reason_raw
    return _DONE.get(response.finish_reason, response.finish_reason.value)


def _full(name: str) -> str:
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def _listed(model: ModelInfo) -> JsonObject:
    raw = model.raw or {}
    known = {key: raw[key] for key in ("size", "digest", "details") if isinstance(raw.get(key), int | str | dict)}
    return {"name": model.id, "model": model.id, **known, **_facts(model)}


def _facts(model: ModelInfo) -> JsonObject:
    facts: JsonObject = {}
    if (at := _time(model.created)) is not None:
        facts["modified_at"] = at
    if model.capabilities is not None:
        facts["capabilities"] = [name for name, unified in CAPABILITIES.items() if unified in model.capabilities]
    return facts
