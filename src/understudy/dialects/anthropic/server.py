"""The server half: what the gateway and the emulator answer with when a caller speaks the Messages API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import urlsplit

from msgspec import UNSET

from understudy.dialects.anthropic import render
from understudy.dialects.anthropic.parse import parse_chat, parse_models
from understudy.dialects.anthropic.render_stream import StreamRenderer
from understudy.dialects.anthropic.wire import FORWARDED, NAME
from understudy.dialects.one_answer import OneAnswer
from understudy.dialects.outlines import LongMembers, Member, as_it_is, kind_of
from understudy.dialects.server import BadRequest, Inbound, ServerHalf, Writer, key_of, parser
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.operation import Operation
from understudy.wire.http import HttpRequest
from understudy.wire.json import encode
from understudy.wire.sse import frame

PING = frame(encode({"type": "ping"}), "ping")


_FUNCTION = b'{"name":"f","input_schema":{}}'


def _least_tool(tool: Member) -> bytes:
    return _FUNCTION if kind_of(tool) in (None, b'"custom"') else as_it_is(tool)


class AnthropicServer(ServerHalf):
    """The server half of the `anthropic` dialect."""

    name: ClassVar[str] = NAME
    long_members = LongMembers(
        system=("system",),
        tool=_least_tool,
        functions=("custom", UNSET),
        function=_FUNCTION,
        telling=(b'"image"', b'"document"'),
    )
    forwarded = FORWARDED
    operations: ClassVar[Mapping[Operation, Writer]] = {
        Operation.CHAT: render.render_whole,
        Operation.MODELS: render.render_models,
        Operation.COUNT_TOKENS: render.render_token_count,
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

    @parser
    def parse(self, request: HttpRequest) -> Inbound:
        """Parse a request. Raise `BadRequest`."""
        match self.operation(request.method, request.url):
            case Operation.MODELS:
                return parse_models(request)
            case Operation.CHAT | Operation.COUNT_TOKENS as operation:
                return parse_chat(request, operation)
            case _:
                raise BadRequest(Failure(kind=FailureKind.NOT_FOUND, message="Not found", status=404, sent=False))

    def renderer(self, inbound: Inbound) -> OneAnswer:
        """Open the writer of a streamed message."""
        return OneAnswer(StreamRenderer, PING, passes_frames=True)

    render_error = staticmethod(render.render_error)


SERVER = AnthropicServer()
