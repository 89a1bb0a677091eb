"""The server half: what the gateway and the emulator answer with when a caller speaks Cohere's API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import urlsplit

from understudy.dialects.cohere import render
from understudy.dialects.cohere.parse import parse_chat, parse_embed, parse_models, parse_token_count
from understudy.dialects.cohere.render_stream import StreamRenderer
from understudy.dialects.cohere.wire import FORWARDED, NAME
from understudy.dialects.one_answer import OneAnswer
from understudy.dialects.outlines import LongMembers, Member, as_it_is, kind_of
from understudy.dialects.server import BadRequest, Inbound, ServerHalf, Writer, key_of, parser
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.operation import Operation
from understudy.wire.http import HttpRequest

_POSTS = {"/v2/chat": Operation.CHAT, "/v2/embed": Operation.EMBED, "/v1/tokenize": Operation.COUNT_TOKENS}


_FUNCTION = b'{"type":"function","function":{"name":"f"}}'


def _least_tool(tool: Member) -> bytes:
    return _FUNCTION if kind_of(tool) in (b'"function"',) else as_it_is(tool)


class CohereServer(ServerHalf):
    """The server half of the `cohere` dialect."""

    name: ClassVar[str] = NAME
    long_members = LongMembers(
        tool=_least_tool,
        functions=("function",),
        function=_FUNCTION,
        binding=frozenset({"strict_tools"}),
        telling=(b'"image_url"', b'"document"'),
    )
    forwarded = FORWARDED
    operations: ClassVar[Mapping[Operation, Writer]] = {
        Operation.CHAT: render.render_whole,
        Operation.EMBED: render.render_embeddings,
        Operation.MODELS: render.render_models,
        Operation.COUNT_TOKENS: render.render_token_count,
    }

    def operation(self, method: str, path: str) -> Operation | None:
        """Return the operation of a method and path, whatever prefix precedes the version."""
        path = urlsplit(path).path.rstrip("/")
        if method == "POST":
            return next((operation for ending, operation in _POSTS.items() if path.endswith(ending)), None)
        if method == "GET" and (path.endswith("/v1/models") or "/v1/models/" in path):
            return Operation.MODELS
        return None

    def credential(self, request: HttpRequest) -> str | None:
        """Return the key of `Authorization: Bearer`."""
        return key_of(request)

    @parser
    def parse(self, request: HttpRequest) -> Inbound:
        """Parse a request. Raise `BadRequest`."""
        match self.operation(request.method, request.url):
            case Operation.CHAT:
                return parse_chat(request)
            case Operation.EMBED:
                return parse_embed(request)
            case Operation.COUNT_TOKENS:
                return parse_token_count(request)
            case Operation.MODELS:
                return parse_models(request)
            case _:
                raise BadRequest(Failure(kind=FailureKind.NOT_FOUND, message="page not found", status=404, sent=False))

    def renderer(self, inbound: Inbound) -> OneAnswer:
        """Open the writer of a streamed answer."""
        return OneAnswer(StreamRenderer, passes_frames=True)

    render_error = staticmethod(render.render_error)


SERVER = CohereServer()
