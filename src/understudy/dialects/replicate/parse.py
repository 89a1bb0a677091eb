"""Parses requests of Replicate's API. Inputs without a unified name go to `extra["replicate"]["input"]`."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from understudy.dialects.replicate.errors import bad_request
from understudy.dialects.replicate.wire import BUDGETS, CEILINGS, IMAGES, NAME, PLAIN, STOPS, SYSTEM
from understudy.dialects.server import Inbound
from understudy.domain.content import AnyPart, Image, JsonObject, Text
from understudy.domain.messages import Message, Role
from understudy.domain.operation import Operation
from understudy.domain.requests import GenerationRequest, ModelsRequest, Reasoning, WireOrigin
from understudy.wire.http import HttpRequest
from understudy.wire.json import BadJson, decode, decode_object

CREATE = re.compile(r"/v1/(?:models/(?P<model>.+)/predictions|deployments/(?P<deployment>.+)/predictions|predictions)$")
LIST = re.compile(
    r"/v1/(?:models(?:/(?P<model>[^/]+(?:/[^/]+)?)(?:/versions/(?P<version>[^/]+))?)?|collections/(?P<collection>[^/]+))$"
)
_INTEGERS = frozenset({"max_tokens", "top_k", "seed"})


def origin_of(request: HttpRequest) -> str:
    """Return scheme and host of the request, for URLs in answers; empty if unknown."""
    headers = {name.lower(): value for name, value in request.headers}
    host = headers.get("host")
    return f"{headers.get('x-forwarded-proto', 'http')}://{host}" if host else ""


def parse_models(request: HttpRequest) -> Inbound:
    """Parse a request for the model list or a model. Raises `BadRequest`."""
    url = urlsplit(request.url)
    found = LIST.search(url.path.rstrip("/"))
    if found is None:
        raise bad_request("not found", status=404)
    cursors = parse_qs(url.query).get("cursor")
    model = unquote(found["model"]) if found["model"] else None
    wanted = ModelsRequest(model=model, after=cursors[0] if cursors else None)
    options: dict[str, object] = {"origin": origin_of(request)}
    options |= {name: unquote(value) for name in ("version", "collection") if (value := found[name])}
    return Inbound(operation=Operation.MODELS, request=wanted, options=options)


def parse_chat(request: HttpRequest) -> Inbound:
    """Parse the creation of a prediction. Raises `BadRequest`."""
    data = request.body or b""
    try:
        body = decode_object(data)
    except BadJson as error:
        raise bad_request(f"The request body is not valid JSON: {error}", status=400) from error
    found = CREATE.search(urlsplit(request.url).path.rstrip("/"))
    named = unquote(found["model"] or found["deployment"] or "") if found else ""
    model = named or body.get("version")
    if not isinstance(model, str) or not model:
        raise bad_request("- version: version is required", field="version")
    inputs = body.get("input")
    if not isinstance(inputs, dict):
        raise bad_request("- input: input is required", field="input")
    parsed = _request(model, inputs, body, WireOrigin(NAME, data))
    headers = {name.lower(): value for name, value in request.headers}
    options: dict[str, object] = {
        "origin": origin_of(request),
        "input": inputs,
        "wait": headers.get("prefer", "").strip().startswith("wait"),
    }
    return Inbound(operation=Operation.CHAT, request=parsed, stream=body.get("stream") is True, options=options)


def _request(model: str, inputs: JsonObject, body: JsonObject, origin: WireOrigin) -> GenerationRequest:
    fields = _Inputs(inputs)
    values: dict[str, Any] = {"max_tokens": fields.number(*CEILINGS)}
    for name in PLAIN:
        values[name] = fields.text(name) if name == "verbosity" else fields.number(name)
    for name in _INTEGERS & values.keys():
        values[name] = None if values[name] is None else int(values[name])
    values["stop"] = fields.stops()
    values["reasoning"] = _reasoning(fields)
    messages = _messages(fields)
    rest: JsonObject = {key: value for key, value in body.items() if key not in ("input", "version", "stream")}
    if fields.left:
        rest["input"] = fields.left
    extra = {NAME: rest} if rest else None
    return GenerationRequest(messages=messages, model=model, extra=extra, origin=origin, **values)


class _Inputs:
    """The inputs that have not been read yet."""

    def __init__(self, inputs: JsonObject) -> None:
        self.left = {name: value for name, value in inputs.items() if value is not None}

    def number(self, *names: str) -> float | None:
        """Pop the first of the inputs that is a number."""
        for name in names:
            value = self.left.get(name)
            if isinstance(value, int | float) and not isinstance(value, bool):
                del self.left[name]
                return value
        return None

    def text(self, *names: str) -> str | None:
        """Pop the first of the inputs that is a string."""
        for name in names:
            if isinstance(value := self.left.get(name), str):
                del self.left[name]
                return value
        return None

    def stops(self) -> tuple[str, ...]:
        """Pop the stop sequences: a list, or a string separated by commas."""
        for name in STOPS:
            match self.left.get(name):
                case str() as text:
                    del self.left[name]
                    return tuple(stop for stop in text.split(",") if stop)
                case list() as stops if all(isinstance(stop, str) for stop in stops):
                    del self.left[name]
                    return tuple(stops)
        return ()

    def images(self) -> tuple[Image, ...]:
        """Pop the images."""
        for name in IMAGES:
            value = self.left.get(name)
            urls = [value] if isinstance(value, str) else value
            if isinstance(urls, list) and urls and all(isinstance(url, str) for url in urls):
                del self.left[name]
                return tuple(Image(url=url).inline() for url in urls)
        return ()

    def messages(self) -> list[Any]:
        """Pop messages in OpenAI's form: a list, or JSON of one."""
        value = self.left.get("messages")
        try:
            found = decode(value) if isinstance(value, str) else value
        except BadJson:
            return []
        if not isinstance(found, list) or not found or not all(map(_is_message, found)):
            return []
        del self.left["messages"]
        return found


def _messages(fields: _Inputs) -> tuple[Message, ...]:
    images = fields.images()
    if given := fields.messages():
        # With messages, prompt and system prompt are ignored by models that accept messages.
        read = [Message(Role(item["role"]), item["content"]) for item in given]
    else:
        system, prompt = fields.text(*SYSTEM), fields.text("prompt")
        read = [Message.system(system)] if system else []
        read.append(Message.user(prompt or ""))
    if images:
        last = max((at for at, message in enumerate(read) if message.role is Role.USER), default=len(read) - 1)
        parts: tuple[AnyPart, ...] = (*images, Text(read[last].text)) if read[last].text else images
        read[last] = Message(read[last].role, parts)
    return tuple(read)


def _is_message(item: Any) -> bool:
    match item:
        case {"role": ("system" | "developer" | "user" | "assistant"), "content": str()}:
            return True
    return False


def _reasoning(fields: _Inputs) -> Reasoning | None:
    effort, budget = fields.text("reasoning_effort"), fields.number(*BUDGETS)
    if effort is None and budget is None:
        return None
    return Reasoning(effort=effort, budget=None if budget is None else int(budget))
