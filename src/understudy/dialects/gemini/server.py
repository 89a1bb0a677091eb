"""The server half: how gateway and emulators answer callers of the Gemini API."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from understudy.dialects.gemini import render
from understudy.dialects.gemini.parse import operation_of, parse_request
from understudy.dialects.gemini.render_stream import ChunkRenderer
from understudy.dialects.gemini.wire import FORWARDED, NAME
from understudy.dialects.one_answer import BLANK, OneAnswer
from understudy.dialects.outlines import LongMembers, Member
from understudy.dialects.server import BadRequest, Inbound, ServerHalf, Writer, key_of, parser
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.operation import Operation
from understudy.wire.http import HttpRequest
from understudy.wire.json import encode


def _least_tool(tool: Member) -> bytes:
    own = (
        b'"functionDeclarations":[{"name":"f"}]' if name in _FUNCTIONS else b"%b:%b" % (encode(name), bytes(value))
        for name, value in tool.items()
    )
    return b"{%b}" % b",".join(own)


_FUNCTIONS = ("functionDeclarations", "function_declarations")


class GeminiServer(ServerHalf):
    """The server half of the `gemini` dialect."""

    name: ClassVar[str] = NAME
    long_members = LongMembers(
        messages="contents",
        system=("systemInstruction", "system_instruction"),
        tool=_least_tool,
        answers=("model",),
        telling=(b'"inlineData"', b'"inline_data"', b'"fileData"', b'"file_data"'),
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
        return operation_of(method, path)

    def credential(self, request: HttpRequest) -> str | None:
        """Return the key of `x-goog-api-key`, else that of `Authorization: Bearer`."""
        return key_of(request, "x-goog-api-key")

    @parser
    def parse(self, request: HttpRequest) -> Inbound:
        """Parse a request. Raises `BadRequest`."""
        operation = operation_of(request.method, request.url)
        if operation is None:
            raise BadRequest(Failure(kind=FailureKind.NOT_FOUND, message="Not found", status=404, sent=False))
        return parse_request(request, operation)

    def renderer(self, inbound: Inbound) -> OneAnswer:
        """Open the writer of a streamed answer: events with `alt=sse`, else an array."""
        sse = inbound.options.get("sse") is True
        return OneAnswer(lambda: ChunkRenderer(sse=sse), BLANK)

    render_error = staticmethod(render.render_error)


SERVER = GeminiServer()
