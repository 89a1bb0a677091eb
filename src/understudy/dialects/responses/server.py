"""The server half: speaks the Responses API to the callers of a gateway or an emulator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import urlsplit

import msgspec

from understudy.dialects.one_answer import OneAnswer
from understudy.dialects.openai.render import render_error
from understudy.dialects.openai.wire import FORWARDED
from understudy.dialects.outlines import LongMembers, Member, Outline, kind_of
from understudy.dialects.responses.errors import bad_request
from understudy.dialects.responses.parse import parse_request
from understudy.dialects.responses.render import render_token_count, render_whole
from understudy.dialects.responses.render_stream import ResponsesRenderer
from understudy.dialects.responses.wire import CALL_TEXT, NAME
from understudy.dialects.server import Inbound, ServerHalf, Writer, key_of, parser
from understudy.domain.failures import Failure
from understudy.domain.operation import Operation
from understudy.wire.http import HttpReply, HttpRequest


def _least_tool(tool: Member) -> bytes:
    return b'{"type":%b,"name":"f"}' % (kind_of(tool) or b"null")


class ResponsesServer(ServerHalf):
    """OpenAI's Responses API as a server speaks it."""

    name: ClassVar[str] = NAME
    long_members = LongMembers(
        messages="input",
        system=("instructions",),
        tool=_least_tool,
        functions=("function",),
        function=b'{"type":"function","name":"f"}',
        answers=("assistant", "reasoning", *CALL_TEXT),
        telling=(b'"input_image"', b'"input_file"', b'"input_audio"', b"compaction", b'"item_reference"'),
    )
    forwarded = FORWARDED
    operations: ClassVar[Mapping[Operation, Writer]] = {
        Operation.CHAT: render_whole,
        Operation.COUNT_TOKENS: render_token_count,
    }

    def operation(self, method: str, path: str) -> Operation | None:
        """Return the operation of a route, by its end. No responses are stored, so none can be fetched."""
        route = "/" + path.partition("?")[0].strip("/")
        if method.upper() != "POST":
            return None
        if route.endswith("/responses/input_tokens"):
            return Operation.COUNT_TOKENS
        return Operation.CHAT if route.endswith("/responses") else None

    def credential(self, request: HttpRequest) -> str | None:
        """Return the bearer token, or the key of the header that Azure's client uses."""
        return key_of(request) or key_of(request, "api-key")

    @parser
    def parse(self, request: HttpRequest) -> Inbound:
        """Parse a request. Raise `BadRequest`."""
        path = urlsplit(request.url).path
        operation = self.operation(request.method, path)
        if operation is None:
            raise bad_request(f"Unknown request URL: {request.method} {path}", code="unknown_url", status=404)
        return parse_request(request, operation)

    def outlined(self, options: dict[str, object], outline: Outline) -> dict[str, object]:
        """Return the options with the fields that responses repeat, as they came."""
        echo = options["echo"]
        left_out = ((name, outline.members.raw(name)) for name in ("instructions", "tools"))
        own = {name: msgspec.Raw(value) for name, value in left_out if value not in (b"", b"null")}
        return {**options, "echo": {**echo, **own}} if isinstance(echo, dict) else options

    def renderer(self, inbound: Inbound) -> OneAnswer:
        """Open the writer of a streamed answer."""
        return OneAnswer(lambda: ResponsesRenderer(inbound))

    @staticmethod
    def render_error(failure: Failure) -> HttpReply:
        """Render an error in OpenAI's shape. One that came inside a success has only the status of its kind."""
        if failure.status is not None and failure.status < 400:
            failure = msgspec.structs.replace(failure, status=None)
        return render_error(failure)


SERVER = ResponsesServer()
