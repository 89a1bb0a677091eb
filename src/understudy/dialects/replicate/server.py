"""The server half: how emulators and gateway answer callers of Replicate's API.

It creates predictions that have already ended. Looking at one again, streaming and cancelling it need stored
predictions, which a server half, being pure, does not have: see the emulator.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import urlsplit

from understudy.dialects.one_answer import OneAnswer
from understudy.dialects.replicate import parse, render
from understudy.dialects.replicate.errors import bad_request
from understudy.dialects.replicate.render_stream import StreamRenderer
from understudy.dialects.replicate.wire import NAME
from understudy.dialects.server import Inbound, ServerHalf, Writer, key_of, parser
from understudy.domain.operation import Operation
from understudy.wire.http import HttpRequest


class ReplicateServer(ServerHalf):
    """The server half of the `replicate` dialect."""

    name: ClassVar[str] = NAME
    operations: ClassVar[Mapping[Operation, Writer]] = {
        Operation.CHAT: render.render_prediction,
        Operation.MODELS: render.render_models,
    }

    def operation(self, method: str, path: str) -> Operation | None:
        """Return the operation of a method and path, whatever prefix precedes `/v1`."""
        path = urlsplit(path).path.rstrip("/")
        if method == "POST" and parse.CREATE.search(path):
            return Operation.CHAT
        return Operation.MODELS if method == "GET" and parse.LIST.search(path) else None

    def credential(self, request: HttpRequest) -> str | None:
        """Return the key of `Authorization`, whose scheme is `Bearer` or the older `Token`."""
        return key_of(request, schemes=("bearer", "token"))

    @parser
    def parse(self, request: HttpRequest) -> Inbound:
        """Parse a request. Raises `BadRequest`."""
        match self.operation(request.method, request.url):
            case Operation.MODELS:
                return parse.parse_models(request)
            case Operation.CHAT:
                return parse.parse_chat(request)
            case _:
                raise bad_request("The requested resource could not be found.", status=404)

    def renderer(self, inbound: Inbound) -> OneAnswer:
        """Open the writer of a streamed answer."""
        return OneAnswer(StreamRenderer)

    render_error = staticmethod(render.render_error)


SERVER = ReplicateServer()
