"""Parses requests of the Gemini API. Fields without a unified name go to `extra["gemini"]`, at the same place.

Names are accepted in camel case and snake case, and an object in place of a list of one object, as by the service.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from understudy.dialects.gemini.errors import bad_request
from understudy.dialects.gemini.names import bare, camel_keys
from understudy.dialects.gemini.parse_fields import objects_of
from understudy.dialects.gemini.parse_messages import PartParser, parse_content, parse_system
from understudy.dialects.gemini.parse_settings import parse_settings, parse_tool_choice, parse_tools
from understudy.dialects.gemini.wire import FORWARDED, NAME, TASKS
from understudy.dialects.server import Inbound, receive_body
from understudy.domain.content import JsonObject
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, GenerationRequest, ModelsRequest, WireOrigin
from understudy.wire.http import HttpRequest
from understudy.wire.json import BadJson

METHODS = {
    "generateContent": Operation.CHAT,
    "streamGenerateContent": Operation.CHAT,
    "countTokens": Operation.COUNT_TOKENS,
    "embedContent": Operation.EMBED,
    "batchEmbedContents": Operation.EMBED,
}

PAGE = 50
"""Models per page by default."""

_METHOD = re.compile(r"/v1(?:alpha|beta)?/(?P<model>(?:models|tunedModels)/[^:]+):(?P<method>\w+)$")
_CATALOGUE = re.compile(r"/v1(?:alpha|beta)?/models(?:/(?P<model>[^:]+))?$")


def operation_of(method: str, path: str) -> Operation | None:
    """Return the operation of a method and path, whatever prefix precedes the version."""
    path = urlsplit(path).path.rstrip("/")
    if method == "POST" and (found := _METHOD.search(path)):
        return METHODS.get(found["method"])
    return Operation.MODELS if method == "GET" and _CATALOGUE.search(path) else None


def parse_request(request: HttpRequest, operation: Operation) -> Inbound:
    """Parse a request. Raises `BadRequest`."""
    url = urlsplit(request.url)
    query = {name: values[-1] for name, values in parse_qs(url.query).items()}
    if operation is Operation.MODELS:
        return _models(url.path.rstrip("/"), query)
    found = _METHOD.search(url.path)
    model, method = (bare(unquote(found["model"])), found["method"]) if found else (None, "")
    try:
        sent = receive_body(request, NAME, FORWARDED)
    except BadJson as error:
        raise bad_request(f"Invalid JSON payload received. {error}") from error
    body, origin = camel_keys(sent.fields), sent.origin
    if operation is Operation.EMBED:
        return Inbound(
            operation=operation,
            request=_embedding(body, model, origin, single=method == "embedContent"),
            options={"method": method},
        )
    asked = body.get("generateContentRequest") if operation is Operation.COUNT_TOKENS else None
    return Inbound(
        operation=operation,
        request=_generation(asked if isinstance(asked, dict) else body, model, origin),
        stream=method == "streamGenerateContent",
        options={"sse": query.get("alt") == "sse"},
    )


def _models(path: str, query: dict[str, str]) -> Inbound:
    found = _CATALOGUE.search(path)
    model = unquote(found["model"]) if found and found["model"] else None
    try:
        limit = int(query.get("pageSize", PAGE))
    except ValueError:
        raise bad_request("Invalid value at 'page_size' (TYPE_INT32)") from None
    if limit < 0:
        raise bad_request("page_size must not be negative")
    wanted = ModelsRequest(model=model, limit=min(limit or PAGE, 1000), after=query.get("pageToken"))
    return Inbound(operation=Operation.MODELS, request=wanted)


def _generation(body: JsonObject, model: str | None, origin: WireOrigin) -> GenerationRequest:
    left = {name: value for name, value in body.items() if value is not None}
    reader = PartParser()
    contents = objects_of(left.pop("contents", None), "contents")
    if not contents:
        raise bad_request("* GenerateContentRequest.contents: contents is not specified")
    messages = [parse_content(content, n, reader) for n, content in enumerate(contents)]
    if (system := left.pop("systemInstruction", None)) is not None:
        messages.insert(0, parse_system(system, reader))
    tools = parse_tools(objects_of(left.pop("tools", None), "tools"))
    choice, other = parse_tool_choice(left.pop("toolConfig", None))
    if other:
        left["toolConfig"] = other
    fields: dict[str, Any] = parse_settings(left)
    return GenerationRequest(
        messages=tuple(messages),
        model=model,
        tools=tools,
        tool_choice=choice,
        extra={NAME: left} if left else None,
        origin=origin,
        **fields,
    )


def _embedding(body: JsonObject, model: str | None, origin: WireOrigin, *, single: bool) -> EmbeddingRequest:
    items = [body] if single else objects_of(body.get("requests"), "requests")
    if not items:
        raise bad_request("* BatchEmbedContentsRequest.requests: requests is not specified")
    settings = [{key: item.get(key) for key in ("taskType", "outputDimensionality")} for item in items]
    common = settings[0]
    task = next((ours for ours, theirs in TASKS.items() if theirs == common["taskType"]), None)
    plain = all(_is_plain(item) and common == own for item, own in zip(items, settings, strict=True))
    extra: JsonObject = {} if single or "model" not in body else {"model": body["model"]}
    if not plain or (common["taskType"] is not None and task is None):
        extra["requests"] = items
    size = common["outputDimensionality"]
    return EmbeddingRequest(
        texts=tuple(_text(item) for item in items),
        model=model,
        dimensions=size if isinstance(size, int) else None,
        input_type=task,  # type: ignore[arg-type]  # a key of TASKS, which are those literals
        single=single,
        extra={NAME: extra} if extra else None,
        origin=origin,
    )


def _is_plain(item: JsonObject) -> bool:
    """Check whether a request holds one string and no fields without a unified name."""
    match item.get("content"):
        case {"parts": [{"text": str(), **more}], **beside} if not more and not beside:
            return not item.keys() - {"model", "content", "taskType", "outputDimensionality"}
    return False


def _text(item: JsonObject) -> str:
    content = item.get("content")
    parts = content.get("parts") if isinstance(content, dict) else None
    texts = [part.get("text") for part in objects_of(parts, "content.parts")]
    return "".join(text for text in texts if isinstance(text, str))
