"""Reading the requests that Ollama's clients send.

What has no unified name goes to `extra`, at the level where it stands, and so does a field that holds nothing (`""`,
`[]`, `{}`): written again, a chat is the same JSON, but for nulls, which count as absent, and `stream`, which is always
written. A text completion (`/api/generate`) is read as the chat that it is.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from understudy.dialects.ollama.errors import bad_request
from understudy.dialects.ollama.parse_fields import extra_of, leftover_of
from understudy.dialects.ollama.parse_messages import MessageParser, RequestMessage, parse_content
from understudy.dialects.ollama.wire import LEVELS, NAME, SAMPLING
from understudy.dialects.server import complaint_about
from understudy.domain.content import JsonObject
from understudy.domain.messages import AnyTool, Message, OpaqueTool, Role, Tool
from understudy.domain.requests import (
    EmbeddingRequest,
    GenerationRequest,
    ModelsRequest,
    OutputFormat,
    Reasoning,
    WireOrigin,
)
from understudy.wire.json import BadJson, decode_as
from understudy.wire.splice import receive

T = TypeVar("T")


class _ToolFunction(msgspec.Struct):
    name: str
    description: str | None = None
    parameters: JsonObject | None = None


class _Options(msgspec.Struct):
    num_predict: int | float | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | float | None = None
    min_p: float | None = None
    seed: int | float | None = None
    stop: list[str] | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None


class _Settings(msgspec.Struct):
    """What chats and text completions have in common."""

    model: str = ""
    stream: bool | None = None
    think: bool | str | None = None
    format: str | JsonObject | None = None
    options: _Options | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None


class _Chat(_Settings):
    messages: list[RequestMessage] | None = None
    tools: list[JsonObject] | None = None


class _Completion(_Settings):
    prompt: str | None = None
    system: str | None = None
    images: list[str] | None = None


class _Embed(msgspec.Struct):
    model: str = ""
    input: str | list[str] | None = None
    dimensions: int | None = None


class _Embeddings(msgspec.Struct):
    model: str = ""
    prompt: str | None = None


class _Show(msgspec.Struct):
    model: str = ""
    name: str = ""


_chat: msgspec.json.Decoder[_Chat] = msgspec.json.Decoder(_Chat)
_completion: msgspec.json.Decoder[_Completion] = msgspec.json.Decoder(_Completion)
_embed: msgspec.json.Decoder[_Embed] = msgspec.json.Decoder(_Embed)
_embeddings: msgspec.json.Decoder[_Embeddings] = msgspec.json.Decoder(_Embeddings)
_show: msgspec.json.Decoder[_Show] = msgspec.json.Decoder(_Show)


_COMPLETION_ONLY = ("suffix", "template", "raw", "context", "width", "height", "steps")
"""Fields of text completions that chats do not have."""


def parse_chat(body: bytes) -> tuple[GenerationRequest, bool]:
    """Parse `/api/chat`; also return whether to stream. Raise `BadRequest`."""
    raw, sent, origin = _read(_chat, body)
    conversation = MessageParser()
    messages = tuple(map(conversation.message, sent.messages or (), raw.get("messages") or ()))
    return _generation(sent, raw, messages, tuple(map(_tool, sent.tools or ())), origin)


def parse_completion(body: bytes) -> tuple[GenerationRequest, bool]:
    """Parse `/api/generate` as a chat; also return whether to stream. Raise `BadRequest`."""
    raw, sent, _ = _read(_completion, body)
    for name in _COMPLETION_ONLY:
        if raw.get(name):
            raise bad_request(f"{name!r} is not supported here: a text completion is answered as a chat")
    raw = {key: value for key, value in raw.items() if value not in ("", [], {}) and key not in _COMPLETION_ONLY}
    messages: list[Message] = []
    if sent.system:
        messages.append(Message.system(sent.system))
    if sent.prompt or sent.images:
        messages.append(Message(Role.USER, parse_content(sent.prompt, sent.images)))
    return _generation(sent, raw, tuple(messages), (), None)


def parse_embed(body: bytes) -> EmbeddingRequest:
    """Parse `/api/embed`. Raise `BadRequest`."""
    raw, sent, origin = _read(_embed, body)
    if sent.input is None:
        raise bad_request("input is required")
    texts = (sent.input,) if isinstance(sent.input, str) else tuple(sent.input)
    return EmbeddingRequest(
        texts=texts,
        model=_model(sent.model),
        dimensions=sent.dimensions or None,
        single=isinstance(sent.input, str),
        extra=extra_of(leftover_of(raw, _Embed)),
        origin=origin,
    )


def parse_legacy_embed(body: bytes) -> EmbeddingRequest:
    """Parse `/api/embeddings`, which has one text. Raise `BadRequest`."""
    raw, sent, _ = _read(_embeddings, body)
    return EmbeddingRequest(
        texts=(sent.prompt or "",), model=_model(sent.model), single=True, extra=extra_of(leftover_of(raw, _Embeddings))
    )


def parse_models(body: bytes) -> ModelsRequest:
    """Parse `/api/show`; `name` is the older name of `model`. Raise `BadRequest`."""
    _, sent, _ = _read(_show, body)
    return ModelsRequest(model=_model(sent.model or sent.name))


def _read(decoder: msgspec.json.Decoder[T], body: bytes | None) -> tuple[JsonObject, T, WireOrigin]:
    """Decode twice: typed, which keeps the text of arguments, and untyped, which keeps unknown fields."""
    if not body:
        raise bad_request("missing request body")
    try:
        found = receive(body)
        return found.value, decode_as(decoder, found.text), WireOrigin(NAME, body, flaws=found.flaws)
    except BadJson as error:
        raise bad_request(complaint_about(error, "invalid request")) from error


def _model(name: str) -> str:
    if not name:
        raise bad_request("model is required")
    return name


def _generation(
    sent: _Settings,
    raw: JsonObject,
    messages: tuple[Message, ...],
    tools: tuple[AnyTool, ...],
    origin: WireOrigin | None,
) -> tuple[GenerationRequest, bool]:
    extra = leftover_of(raw, type(sent))
    sampling, other = _options(sent.options, raw.get("options") or {})
    if other:
        extra["options"] = {**extra.get("options", {}), **other}
    if sent.top_logprobs is not None and not 0 <= sent.top_logprobs <= 20:
        raise bad_request("top_logprobs must be between 0 and 20")
    request = GenerationRequest(
        messages=messages,
        model=_model(sent.model),
        tools=tools,
        output=_output(sent.format),
        logprobs=sent.logprobs,
        top_logprobs=sent.top_logprobs,
        reasoning=_reasoning(sent.think),
        extra=extra_of(extra),
        origin=origin,
        **sampling,
    )
    return request, sent.stream is not False


def _options(sent: _Options | None, raw: JsonObject) -> tuple[dict[str, Any], JsonObject]:
    """Sort the options into those with a unified name and the others. A negative `num_predict` is not a number
    of tokens (-1: no limit, -2: fill the context), so it is one of the others."""
    if sent is None:
        return {}, {}
    other = leftover_of(raw, _Options)
    sampling: dict[str, Any] = {}
    for name, key in SAMPLING.items():
        value = getattr(sent, key)
        if key == "num_predict" and value is not None and value < 0:
            other[key] = value
        elif key in ("num_predict", "top_k", "seed") and value is not None:
            sampling[name] = int(value)
        elif key == "stop":
            sampling[name] = tuple(value or ())
        elif value is not None:
            sampling[name] = float(value)
    return sampling, other


def _output(form: str | JsonObject | None) -> OutputFormat | None:
    if not form:
        return None
    if isinstance(form, dict):
        return OutputFormat(kind="json_schema", json_schema=form)
    if form != "json":
        raise bad_request(f'invalid format: {form!r}; expected "json" or a JSON schema')
    return OutputFormat(kind="json_object")


def _reasoning(think: bool | str | None) -> Reasoning | None:
    match think:
        case None:
            return None
        case True:
            return Reasoning(mode="enabled", display="auto")
        case False:
            return Reasoning(effort="none")
        case str() if think in LEVELS:
            return Reasoning(effort=think, display="auto")
        case _:
            raise bad_request(
                f'invalid think value: "{think}" (must be "high", "medium", "low", "max", true, or false)'
            )


def _tool(raw: JsonObject) -> AnyTool:
    if raw.get("type", "function") != "function" or not isinstance(raw.get("function"), dict):
        return OpaqueTool(NAME, raw)
    try:
        function = msgspec.convert(raw["function"], _ToolFunction)
    except msgspec.ValidationError as error:
        raise bad_request(f"invalid tool: {error}") from error
    extra: JsonObject = {key: value for key, value in raw.items() if key not in ("type", "function")}
    if "type" not in raw:
        extra["type"] = None
    if rest := leftover_of(raw["function"], _ToolFunction):
        extra["function"] = rest
    return Tool(
        name=function.name, description=function.description, parameters=function.parameters, extra=extra_of(extra)
    )
