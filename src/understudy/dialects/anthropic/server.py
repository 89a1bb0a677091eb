"""The server half: what the gateway and the emulator answer with when a caller speaks the Messages API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import urlsplit

from understudy.dialects.anthropic import render
from understudy.dialects.anthropic.parse import parse_chat, parse_models
from understudy.dialects.anthropic.render_stream import StreamRenderer
from understudy.dialects.anthropic.wire import NAME
from understudy.dialects.server import BadRequest, Inbound, ServerHalf, Writer, json_reply, key_of
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.operation import Operation
from understudy.domain.responses import GenerationResponse, TokenCount
from understudy.wire.http import HttpReply, HttpRequest


def _answer(response: GenerationResponse, inbound: Inbound) -> HttpReply:
    """Render a whole message."""
    return json_reply(render.render_whole(response))


def _count(count: TokenCount, inbound: Inbound) -> HttpReply:
    """Render a token count."""
    return render.render_token_count(count)


class AnthropicServer(ServerHalf):
    """The server half of the `anthropic` dialect."""

    name: ClassVar[str] = NAME
    operations: ClassVar[Mapping[Operation, Writer]] = {
        Operation.CHAT: _answer,
        Operation.MODELS: render.render_models,
        Operation.COUNT_TOKENS: _count,
    }

    def operation(self, method: str, path: str) -> Operation | None:
        """Return the operation of a method and path, whatever prefix stands before `/v1`."""
        path = urlsplit(path).path.rstrip("/")
        if method == "POST" and path.endswith("/v1/messages"):
            return Operation.CHAT
        if method == "POST" and path.endswith("/v1/messages/count_tokens"):
            return Operation.COUNT_TOKENS
        if method == "GET" and (path.endswith("/v1/models") or "/v1/models/" in path):
            return Operation.MODELS
        return None

    def credential(self, request: HttpRequest) -> str | None:
        """Return the key of `x-api-key`, which wins, or of `Authorization: Bearer`."""
        return key_of(request, "x-api-key")

    def parse(self, request: HttpRequest) -> Inbound:
        """Parse a request. Raise `BadRequest`."""
        match self.operation(request.method, request.url):
            case Operation.MODELS:
                return parse_models(request)
            case Operation.CHAT | Operation.COUNT_TOKENS as operation:
                return parse_chat(request, operation)
            case _:
                raise BadRequest(Failure(kind=FailureKind.NOT_FOUND, message="Not found", status=404, sent=False))

    def renderer(self, inbound: Inbound) -> StreamRenderer:
        """Open the writer of a streamed message."""
        return StreamRenderer()

    def render_error(self, failure: Failure) -> HttpReply:
        """Render an error."""
        return render.render_error(failure)


SERVER = AnthropicServer()
