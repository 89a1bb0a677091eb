"""The server half of Ollama's native API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import urlsplit

from msgspec import UNSET

from understudy.dialects.ollama import parse, render
from understudy.dialects.ollama.render_stream import LineRenderer
from understudy.dialects.ollama.wire import NAME
from understudy.dialects.one_answer import OneAnswer
from understudy.dialects.outlines import LongMembers, Member, as_it_is, kind_of
from understudy.dialects.server import BadRequest, Inbound, ServerHalf, Writer, key_of, parser
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.operation import Operation
from understudy.domain.requests import ModelsRequest
from understudy.domain.responses import EmbeddingResponse, GenerationResponse, ModelInfo
from understudy.wire.http import HttpReply, HttpRequest

CHAT = "/api/chat"
COMPLETION = "/api/generate"
EMBED = "/api/embed"
LEGACY_EMBEDDINGS = "/api/embeddings"
TAGS = "/api/tags"
SHOW = "/api/show"

_OPERATIONS = {
    ("POST", CHAT): Operation.CHAT,
    ("POST", COMPLETION): Operation.CHAT,
    ("POST", EMBED): Operation.EMBED,
    ("POST", LEGACY_EMBEDDINGS): Operation.EMBED,
    ("GET", TAGS): Operation.MODELS,
    ("POST", SHOW): Operation.MODELS,
}


def _answer(response: GenerationResponse, inbound: Inbound) -> HttpReply:
    return render.render_whole(response, completion=_is_completion(inbound))


def _embeddings(response: EmbeddingResponse, inbound: Inbound) -> HttpReply:
    return render.render_embeddings(response, legacy=inbound.options.get("route") == LEGACY_EMBEDDINGS)


def _models(models: list[ModelInfo], inbound: Inbound) -> HttpReply:
    """Render the list of models, or the requested model."""
    name = inbound.request.model
    return render.render_models(models) if name is None else render.render_single(models, name)


_FUNCTION = b'{"type":"function","function":{"name":"f"}}'


def _least_tool(tool: Member) -> bytes:
    return _FUNCTION if kind_of(tool) in (None, b'"function"') else as_it_is(tool)


class OllamaServer(ServerHalf):
    """Parses what Ollama's clients send, and renders what they expect.

    `Inbound.options` holds the `route`, because two routes share an operation and answer in different forms.
    """

    name: ClassVar[str] = NAME
    long_members = LongMembers(
        tool=_least_tool, functions=("function", UNSET), function=_FUNCTION, telling=(b'"images"',)
    )
    operations: ClassVar[Mapping[Operation, Writer]] = {
        Operation.CHAT: _answer,
        Operation.EMBED: _embeddings,
        Operation.MODELS: _models,
    }

    def operation(self, method: str, path: str) -> Operation | None:
        """Return the operation of a method and path."""
        return _OPERATIONS.get((method.upper(), path))

    def credential(self, request: HttpRequest) -> str | None:
        """Return the key, which clients send only to the cloud: `Authorization: Bearer`."""
        return key_of(request)

    @parser
    def parse(self, request: HttpRequest) -> Inbound:
        """Parse a request. Raise `BadRequest`."""
        route = urlsplit(request.url).path
        operation = self.operation(request.method, route)
        body = request.body or b""
        options: dict[str, object] = {"route": route}
        match operation:
            case Operation.CHAT:
                generation, stream = parse.parse_chat(body) if route == CHAT else parse.parse_completion(body)
                return Inbound(operation=operation, request=generation, stream=stream, options=options)
            case Operation.EMBED:
                embedding = parse.parse_embed(body) if route == EMBED else parse.parse_legacy_embed(body)
                return Inbound(operation=operation, request=embedding, options=options)
            case Operation.MODELS:
                models = ModelsRequest() if route == TAGS else parse.parse_models(body)
                return Inbound(operation=operation, request=models, options=options)
            case _:
                message = f"unknown route: {request.method} {route}"
                raise BadRequest(Failure(kind=FailureKind.INVALID_REQUEST, message=message, status=404))

    def renderer(self, inbound: Inbound) -> OneAnswer:
        """Open the writer of a streamed answer."""
        model, completion = inbound.request.model, _is_completion(inbound)
        return OneAnswer(lambda: LineRenderer(model, completion=completion), None)

    render_error = staticmethod(render.render_error)


def _is_completion(inbound: Inbound) -> bool:
    return inbound.options.get("route") == COMPLETION


SERVER = OllamaServer()
