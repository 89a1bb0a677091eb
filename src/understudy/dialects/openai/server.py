"""The server half: speaks chat completions, embeddings and models to the callers of a gateway or an emulator."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from understudy.dialects.one_answer import OneAnswer
from understudy.dialects.openai.errors import bad_request
from understudy.dialects.openai.parse import parse_chat, parse_embed
from understudy.dialects.openai.render import render_embeddings, render_error, render_model, render_whole
from understudy.dialects.openai.render_stream import ChunkRenderer
from understudy.dialects.openai.wire import FORWARDED, NAME
from understudy.dialects.outlines import LongMembers, Member, as_it_is, kind_of
from understudy.dialects.server import (
    BadRequest,
    Inbound,
    ReceivedBody,
    ServerHalf,
    Writer,
    json_reply,
    key_of,
    parser,
    receive_body,
)
from understudy.domain.content import JsonObject
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.operation import Operation
from understudy.domain.requests import ModelsRequest, WireOrigin
from understudy.domain.responses import ModelInfo
from understudy.wire.http import HttpReply, HttpRequest
from understudy.wire.json import BadJson
from understudy.wire.members import RepeatedMember

_MODEL = re.compile(r"(?:^|/)models(?:/(?P<id>.+))?$")
_DEPLOYMENT = re.compile(r"/deployments/(.+?)/(?:chat/completions|completions|embeddings)$")


def deployment_of(path: str) -> str | None:
    """Return the deployment that a path of Azure's API names, which prevails over the model in the body."""
    found = _DEPLOYMENT.search(path.rstrip("/"))
    return unquote(found[1]) if found else None


def _models(models: list[ModelInfo], inbound: Inbound) -> HttpReply:
    """Render the list, which has one page, or the one model that was asked for."""
    wanted = inbound.request.model
    if wanted is None:
        return json_reply({"object": "list", "data": [render_model(model) for model in models]})
    found = next((model for model in models if model.id == wanted), None)
    if found is not None:
        return json_reply(render_model(found))
    message = f"The model `{wanted}` does not exist or you do not have access to it."
    return render_error(Failure(kind=FailureKind.NOT_FOUND, message=message, param="model"))


_FUNCTION = b'{"type":"function","function":{"name":"f"}}'


def _least_tool(tool: Member) -> bytes:
    return _FUNCTION if kind_of(tool) in (b'"function"',) else as_it_is(tool)


_ENTRIES: Mapping[bytes, bytes] = {
    **{b'"%b"' % role: b'{"role":"%b","content":""}' % role for role in (b"system", b"developer", b"user")},
    b'"tool"': b'{"role":"tool","tool_call_id":"c","content":""}',
}
"""The least message of each role but that of answers."""


def _least_entry(entry: Member) -> bytes:
    role, content = entry.get("role"), entry.get("content")
    if role is None or content is None or memoryview(content)[0] != _QUOTE:
        return as_it_is(entry)
    return _ENTRIES.get(bytes(role)) or as_it_is(entry)


_QUOTE = ord('"')


@lru_cache(maxsize=256)
def _route_of(half: OpenAIServer, method: str, url: str) -> tuple[str, Operation | None, str | None]:
    """Return the path of a URL, its operation, and the deployment that it names: clients send few URLs."""
    path = urlsplit(url).path
    return path, half.operation(method, path), deployment_of(path)


class OpenAIServer(ServerHalf):
    """OpenAI's API as a server speaks it. Routes are matched by their end, so any base path is accepted."""

    name: ClassVar[str] = NAME
    long_members = LongMembers(
        tool=_least_tool,
        entry=_least_entry,
        functions=("function",),
        function=_FUNCTION,
        telling=(b'"image_url"', b'"input_audio"', b'"file"'),
    )
    forwarded = FORWARDED
    operations: ClassVar[Mapping[Operation, Writer]] = {
        Operation.CHAT: render_whole,
        Operation.EMBED: render_embeddings,
        Operation.MODELS: _models,
    }

    def operation(self, method: str, path: str) -> Operation | None:
        """Return the operation of a route."""
        route = "/" + path.partition("?")[0].strip("/")
        match method.upper():
            case "POST" if route.endswith("/chat/completions"):
                return Operation.CHAT
            case "POST" if route.endswith("/embeddings"):
                return Operation.EMBED
            case "GET" if _MODEL.search(route):
                return Operation.MODELS
        return None

    def credential(self, request: HttpRequest) -> str | None:
        """Return the bearer token, or the key of the header that Azure's client uses."""
        return key_of(request) or key_of(request, "api-key")

    @parser
    def parse(self, request: HttpRequest) -> Inbound:
        """Parse a request. Raise `BadRequest`."""
        path, operation, deployment = _route_of(self, request.method, request.url)
        if operation is Operation.MODELS:
            found = _MODEL.search("/" + path.strip("/"))
            model = unquote(found["id"]) if found and found["id"] else None
            return Inbound(operation=operation, request=ModelsRequest(model=model))
        sent = _received(request)
        body = sent.fields
        if deployment is not None:
            body["model"] = deployment
        match operation:
            case Operation.CHAT:
                return _chat(body, sent.origin)
            case Operation.EMBED:
                options: dict[str, object] = {"encoding_format": body.get("encoding_format") or "float"}
                return Inbound(operation=operation, request=parse_embed(body, sent.origin), options=options)
        raise BadRequest(
            Failure(
                kind=FailureKind.NOT_FOUND,
                status=404,
                type="invalid_request_error",
                code="unknown_url",
                message=f"Unknown request URL: {request.method} {path}",
            )
        )

    def renderer(self, inbound: Inbound) -> OneAnswer:
        """Open the writer of a streamed answer."""
        usage, legacy = (bool(inbound.options.get(name)) for name in ("include_usage", "legacy"))
        return OneAnswer(lambda: ChunkRenderer(include_usage=usage, legacy=legacy), passes_frames=True)

    render_error = staticmethod(render_error)


def _received(request: HttpRequest) -> ReceivedBody:
    try:
        return receive_body(request, NAME, FORWARDED)
    except RepeatedMember as error:
        raise bad_request(error.name, str(error), "invalid_value") from error
    except BadJson as error:
        raise bad_request("body", f"the request is not a JSON object: {error}", None) from error


def _chat(body: JsonObject, origin: WireOrigin) -> Inbound:
    stream = body.get("stream")
    if stream is not None and type(stream) is not bool:
        raise bad_request("stream", "expected a boolean")
    asked = body.get("stream_options")
    options: dict[str, object] = {
        "include_usage": isinstance(asked, dict) and asked.get("include_usage") is True,
        "legacy": bool(body.get("functions")) and not body.get("tools"),
    }
    return Inbound(operation=Operation.CHAT, request=parse_chat(body, origin), stream=bool(stream), options=options)


SERVER = OpenAIServer()
