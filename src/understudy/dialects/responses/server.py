"""The server half: speaks the Responses API to the callers of a gateway or an emulator."""

from __future__ import annotations

import math
from typing import ClassVar
from urllib.parse import urlsplit

from understudy.dialects.base import Operation
from understudy.dialects.responses.items import bad_request
from understudy.dialects.responses.parse import parse_request
from understudy.dialects.responses.render import whole_response
from understudy.dialects.responses.renderer import ResponsesRenderer
from understudy.dialects.responses.wire import NAME
from understudy.dialects.server import Inbound, Renderer
from understudy.domain.content import JsonObject
from understudy.domain.errors import Unsupported
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.responses import EmbeddingResponse, GenerationResponse, ModelInfo, TokenCount
from understudy.wire.http import JSON_HEADERS, HttpReply, HttpRequest
from understudy.wire.json import encode

_ROUTES = {
    ("POST", "/responses"): Operation.CHAT,
    ("POST", "/responses/input_tokens"): Operation.COUNT_TOKENS,
}

_K = FailureKind
_STATUS = {
    **dict.fromkeys((_K.INVALID_REQUEST, _K.CONTEXT_LENGTH, _K.CONTENT_FILTER, _K.UNSUPPORTED), 400),
    **dict.fromkeys((_K.RATE_LIMITED, _K.BILLING, _K.DAILY_QUOTA), 429),
    **dict.fromkeys((_K.TIMEOUT_HEADERS, _K.TIMEOUT_BODY, _K.TIMEOUT_FIRST_EVENT, _K.STALLED, _K.DEADLINE), 504),
    _K.AUTHENTICATION: 401,
    _K.PERMISSION: 403,
    _K.NOT_FOUND: 404,
    _K.CONFLICT: 409,
    _K.REQUEST_TOO_LARGE: 413,
    _K.SERVER_ERROR: 500,
    _K.OVERLOADED: 503,
}
"""The status of a failure that has none; the others are failures behind this server, 502."""


class ResponsesServer:
    """OpenAI's Responses API as a server speaks it."""

    name: ClassVar[str] = NAME

    def operation(self, method: str, path: str) -> Operation | None:
        """Tell which operation a route asks for. Stored responses cannot be fetched: none are stored."""
        return _ROUTES.get((method.upper(), path))

    def credential(self, request: HttpRequest) -> str | None:
        """Return the bearer token."""
        for name, value in request.headers:
            scheme, _, token = value.partition(" ")
            if name.lower() == "authorization" and scheme.lower() == "bearer":
                return token.strip() or None
        return None

    def parse(self, request: HttpRequest) -> Inbound:
        """Read a request. Raises `BadRequest`."""
        path = urlsplit(request.url).path
        for (method, route), operation in reversed(_ROUTES.items()):
            if request.method.upper() == method and path.endswith(route):
                return parse_request(request, operation)
        raise bad_request(f"there is no {request.method} {path} here")

    def render(self, response: GenerationResponse, inbound: Inbound) -> HttpReply:
        """Write a whole answer."""
        return _reply(200, whole_response(response, inbound.options))

    def renderer(self, inbound: Inbound) -> Renderer:
        """Open the writer of a streamed answer."""
        return ResponsesRenderer(inbound)

    def render_token_count(self, count: TokenCount, inbound: Inbound) -> HttpReply:
        """Write a token count."""
        return _reply(200, {"object": "response.input_tokens", "input_tokens": count.input_tokens})

    def render_error(self, failure: Failure) -> HttpReply:
        """Write an error in OpenAI's shape. A failure without a status of its own gets that of its kind."""
        own = failure.status or 0
        status = own if own >= 400 else _STATUS.get(failure.kind, 502)
        error: JsonObject = {
            "message": failure.message,
            "type": failure.type or ("invalid_request_error" if status < 500 else "server_error"),
            "param": failure.param,
            "code": failure.code,
        }
        headers = list(JSON_HEADERS)
        if failure.retry_after is not None:
            headers.append(("retry-after", str(max(1, math.ceil(failure.retry_after)))))
        if failure.request_id is not None:
            headers.append(("x-request-id", failure.request_id))
        return HttpReply(status, tuple(headers), encode({"error": error}))

    def render_embeddings(self, response: EmbeddingResponse, inbound: Inbound) -> HttpReply:
        """Raise `Unsupported`: the Responses API has no embeddings."""
        raise Unsupported("the responses dialect has no operation 'embed'; the openai dialect has")

    def render_models(self, models: list[ModelInfo], inbound: Inbound) -> HttpReply:
        """Raise `Unsupported`: the Responses API has no model list."""
        raise Unsupported("the responses dialect has no operation 'models'; the openai dialect has")


def _reply(status: int, body: JsonObject) -> HttpReply:
    return HttpReply(status, JSON_HEADERS, encode(body))
