"""The server half: how gateway and emulators answer callers of the Gemini API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from understudy.dialects.gemini import render
from understudy.dialects.gemini.parse import operation_of, parse_request
from understudy.dialects.gemini.render_stream import ChunkRenderer
from understudy.dialects.gemini.wire import NAME
from understudy.dialects.server import BadRequest, Inbound, ServerHalf, Writer, json_reply, key_of
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.operation import Operation
from understudy.domain.responses import GenerationResponse, TokenCount
from understudy.wire.http import HttpReply, HttpRequest


def _answer(response: GenerationResponse, inbound: Inbound) -> HttpReply:
    """Write a whole answer."""
    return json_reply(render.render_whole(response))


def _count(count: TokenCount, inbound: Inbound) -> HttpReply:
    """Write a token count."""
    return render.render_token_count(count)


class GeminiServer(ServerHalf):
    """The server half of the `gemini` dialect."""

    name: ClassVar[str] = NAME
    operations: ClassVar[Mapping[Operation, Writer]] = {
        Operation.CHAT: _answer,
        Operation.EMBED: render.render_embeddings,
        Operation.MODELS: render.render_models,
        Operation.COUNT_TOKENS: _count,
    }

    def operation(self, method: str, path: str) -> Operation | None:
        """Return the operation of a method and path, whatever prefix precedes the version."""
        return operation_of(method, path)

    def credential(self, request: HttpRequest) -> str | None:
        """Return the key of `x-goog-api-key`, else that of `Authorization: Bearer`."""
        return key_of(request, "x-goog-api-key")

    def parse(self, request: HttpRequest) -> Inbound:
        """Parse a request. Raises `BadRequest`."""
        operation = operation_of(request.method, request.url)
        if operation is None:
            raise BadRequest(Failure(kind=FailureKind.NOT_FOUND, message="Not found", status=404, sent=False))
        return parse_request(request, operation)

    def renderer(self, inbound: Inbound) -> ChunkRenderer:
        """Open the writer of a streamed answer: events with `alt=sse`, else an array."""
        return ChunkRenderer(sse=inbound.options.get("sse") is True)

    def render_error(self, failure: Failure) -> HttpReply:
        """Write an error."""
        return render.render_error(failure)


SERVER = GeminiServer()
