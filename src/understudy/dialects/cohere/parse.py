"""Parsing requests of Cohere's API. Fields without a unified name go to `extra["cohere"]`."""

from __future__ import annotations

from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

from understudy.dialects.cohere.errors import bad_request
from understudy.dialects.cohere.parse_fields import Fields, body_of, rest_of
from understudy.dialects.cohere.parse_messages import parse_message
from understudy.dialects.cohere.wire import FIELDS, INPUT_TYPES, NAME
from understudy.dialects.server import Inbound
from understudy.domain.content import JsonObject
from understudy.domain.messages import AnyTool, Message, OpaqueTool, Tool, ToolChoice
from understudy.domain.operation import Operation
from understudy.domain.requests import (
    EmbeddingRequest,
    GenerationRequest,
    ModelsRequest,
    OutputFormat,
    Reasoning,
)
from understudy.wire.http import HttpRequest

PAGE = 20
"""Models per page unless asked otherwise."""

MAX_TEXTS = 96
"""Texts of one embedding request."""

TYPES = ("float", "int8", "uint8", "binary", "ubinary", "base64")
"""The types of a vector."""

_EXACT = ("float", "base64")

_MEANT: dict[str, Literal["document", "query", "classification", "clustering"]] = {
    "search_document": "document",
    "search_query": "query",
    "classification": "classification",
    "clustering": "clustering",
}


def parse_chat(request: HttpRequest) -> Inbound:
    """Parse the body of a chat. Raise `BadRequest`."""
    origin, fields = body_of(request)
    stream = fields.take("stream", bool) is True
    model = fields.need("model", str)
    messages = fields.need("messages", list)
    if not messages:
        raise bad_request("invalid request: messages must not be empty")
    values: dict[str, Any] = {
        "messages": tuple(parse_message(message, n) for n, message in enumerate(messages)),
        **fields.take_plain(FIELDS),
        "stop": fields.texts("stop_sequences"),
        "tools": _tools(fields),
        "tool_choice": _choice(fields),
        "output": _output(fields),
        "reasoning": _reasoning(fields),
    }
    extra = fields.left
    parsed = GenerationRequest(model=model, extra={NAME: extra} if extra else None, origin=origin, **values)
    return Inbound(operation=Operation.CHAT, request=parsed, stream=stream)


def _tools(fields: Fields) -> tuple[AnyTool, ...]:
    tools = fields.take("tools", list) or []
    strict = fields.take("strict_tools", bool)
    if strict is not None and not tools:
        fields.left["strict_tools"] = strict
    return tuple(_tool(tool, strict, n) for n, tool in enumerate(tools))


def _tool(tool: Any, strict: bool | None, n: int) -> AnyTool:
    match tool:
        case {"type": "function", "function": {"name": str(name), **rest}}:
            function: JsonObject = {str(key): value for key, value in rest.items() if value is not None}
            description, parameters = function.pop("description", None), function.pop("parameters", None)
            extra = (rest_of(tool, "function") or {}).get(NAME, {})
            if function:
                extra = {**extra, "function": function}
            return Tool(
                name=name,
                description=description if isinstance(description, str) else None,
                parameters=parameters if isinstance(parameters, dict) else None,
                strict=strict,
                extra={NAME: extra} if extra else None,
            )
        case {"type": str(kind)} if kind != "function":
            return OpaqueTool(NAME, tool)
        case _:
            raise bad_request(f"invalid request: tools[{n}] must be a function with a name")


def _choice(fields: Fields) -> ToolChoice | None:
    match fields.take("tool_choice", str):
        case None:
            return None
        case "REQUIRED":
            return ToolChoice("required")
        case "NONE":
            return ToolChoice("none")
        case other:
            raise bad_request(f"invalid request: tool_choice must be REQUIRED or NONE, not {other!r}")


def _output(fields: Fields) -> OutputFormat | None:
    """Parse the response format; one with unknown fields is also kept as it is."""
    form = fields.take("response_format", dict)
    match form:
        case None:
            return None
        case {"type": "text"}:
            found = OutputFormat(kind="text")
        case {"type": "json_object", "json_schema": dict(schema)} | {"type": "json_object", "schema": dict(schema)}:
            found = OutputFormat(kind="json_schema", json_schema=schema)
        case {"type": "json_object"}:
            found = OutputFormat(kind="json_object")
        case _:
            raise bad_request("invalid request: response_format.type must be text or json_object")
    typed = {"type", "json_schema"} if found.kind == "json_schema" else {"type"}
    if any(value is not None for name, value in form.items() if name not in typed):
        fields.left["response_format"] = form
    return found


def _reasoning(fields: Fields) -> Reasoning | None:
    thinking = fields.take("thinking", dict)
    if thinking is None:
        return None
    kind, budget = thinking.get("type"), thinking.get("token_budget")
    if kind not in ("enabled", "disabled"):
        raise bad_request("invalid request: thinking.type must be enabled or disabled")
    if thinking.keys() - {"type", "token_budget"}:
        fields.left["thinking"] = thinking
    shown = "auto" if kind == "enabled" else None  # thinking is always shown here
    return Reasoning(mode=kind, budget=budget if isinstance(budget, int) else None, display=shown)


def parse_embed(request: HttpRequest) -> Inbound:
    """Parse the body of an embedding. Raise `BadRequest`."""
    origin, fields = body_of(request)
    model = fields.need("model", str)
    texts = _texts(fields)
    meant = fields.take("input_type", str)
    if meant not in INPUT_TYPES.values():
        raise bad_request("valid input_type must be provided with the provided model")
    types = fields.texts("embedding_types") or ("float",)
    if unknown := [name for name in types if name not in TYPES]:
        raise bad_request(f"invalid request: embedding_types: {unknown[0]!r} is not one of {', '.join(TYPES)}")
    if len(types) > 1 and any(name not in _EXACT for name in types):
        raise bad_request("embedding_types: only one of the rounded types is supported at a time")
    if any(name not in _EXACT for name in types):
        fields.left["embedding_types"] = list(types)
    parsed = EmbeddingRequest(
        texts=texts,
        model=model,
        dimensions=fields.take("output_dimension", int),
        input_type=_MEANT[meant],
        extra={NAME: fields.left} if fields.left else None,
        origin=origin,
    )
    return Inbound(operation=Operation.EMBED, request=parsed, options={"embedding_types": types})


def _texts(fields: Fields) -> tuple[str, ...]:
    """Parse the texts, or inputs of one text each. Images cannot be embedded."""
    texts = fields.texts("texts")
    inputs = fields.take("inputs", list)
    if inputs is not None and not texts:
        texts = tuple(map(_input, inputs))
    if not texts:
        raise bad_request("invalid request: texts are required (images cannot be embedded here)")
    if len(texts) > MAX_TEXTS:
        raise bad_request(f"invalid request: at most {MAX_TEXTS} texts at once")
    return texts


def _input(value: Any) -> str:
    match value:
        case {"content": [{"type": "text", "text": str(text)}]}:
            return text
        case _:
            raise bad_request("invalid request: inputs: each must contain one text (images cannot be embedded here)")


def parse_token_count(request: HttpRequest) -> Inbound:
    """Parse a text to be tokenized. Raise `BadRequest`."""
    origin, fields = body_of(request)
    text, model = fields.need("text", str), fields.need("model", str)
    parsed = GenerationRequest(messages=(Message.user(text),), model=model, origin=origin)
    return Inbound(operation=Operation.COUNT_TOKENS, request=parsed)


def parse_models(request: HttpRequest) -> Inbound:
    """Parse the query of a model list, or the name of a look-up. Raise `BadRequest`."""
    url = urlsplit(request.url)
    query = {name: values[-1] for name, values in parse_qs(url.query).items()}
    _, _, model = url.path.rstrip("/").partition("/v1/models/")
    try:
        limit = int(float(query.get("page_size", PAGE)))
    except (ValueError, OverflowError):
        raise bad_request("invalid request: page_size must be a number") from None
    if not 1 <= limit <= 1000:
        raise bad_request("invalid request: page_size must be between 1 and 1000")
    wanted = ModelsRequest(model=unquote(model) or None, limit=limit, after=query.get("page_token"))
    kept: dict[str, object] = {name: query[name] for name in ("endpoint", "default_only") if name in query}
    return Inbound(operation=Operation.MODELS, request=wanted, options=kept)
