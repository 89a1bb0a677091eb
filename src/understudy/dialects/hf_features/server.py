"""The server half: texts in, bare arrays of vectors out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from understudy.dialects.hf_features.wire import NAME
from understudy.dialects.openai.render import render_error as openai_error
from understudy.dialects.server import (
    BadRequest,
    Inbound,
    ServerHalf,
    Writer,
    complaint_about,
    key_of,
    parser,
    receive_body,
)
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest
from understudy.domain.responses import EmbeddingResponse
from understudy.wire.http import JSON_HEADERS, HttpReply, HttpRequest
from understudy.wire.json import BadJson, encode

_ROUTE = re.compile(r"/models/(?P<model>.+)/pipeline/feature-extraction$")


def _embeddings(response: EmbeddingResponse, inbound: Inbound) -> HttpReply:
    """Render vectors; only the vector for a text that is not in a list."""
    vectors = response.embeddings
    asked = inbound.request
    alone = isinstance(asked, EmbeddingRequest) and asked.single
    return HttpReply(200, JSON_HEADERS, encode(vectors[0] if alone else vectors))


def _bad_request(message: str) -> BadRequest:
    return BadRequest(Failure(kind=FailureKind.INVALID_REQUEST, message=message, status=400, sent=False))


class FeaturesServer(ServerHalf):
    """The server half of the `hf-features` dialect."""

    name: ClassVar[str] = NAME
    operations: ClassVar[Mapping[Operation, Writer]] = {Operation.EMBED: _embeddings}

    def operation(self, method: str, path: str) -> Operation | None:
        """Return the operation of a method and path, whichever partner precedes it."""
        found = _ROUTE.search(urlsplit(path).path.rstrip("/"))
        return Operation.EMBED if method == "POST" and found else None

    def credential(self, request: HttpRequest) -> str | None:
        """Return the bearer token."""
        return key_of(request)

    @parser
    def parse(self, request: HttpRequest) -> Inbound:
        """Parse a request. Raise `BadRequest`."""
        found = _ROUTE.search(urlsplit(request.url).path.rstrip("/"))
        if found is None:
            raise BadRequest(Failure(kind=FailureKind.NOT_FOUND, message="Not Found", status=404, sent=False))
        try:
            sent = receive_body(request, NAME)
        except BadJson as error:
            raise _bad_request(complaint_about(error, "the request is not a JSON object")) from error
        body = sent.fields
        match body.get("inputs"):
            case str() as text:
                texts, single = (text,), True
            case list() as several if several and all(isinstance(text, str) for text in several):
                texts, single = tuple(several), False
            case _:
                raise _bad_request("inputs: expected a text or a list of texts")
        rest = {name: value for name, value in body.items() if name != "inputs" and value is not None}
        asked = EmbeddingRequest(
            texts=texts,
            model=unquote(found["model"]),
            single=single,
            extra={NAME: rest} if rest else None,
            origin=sent.origin,
        )
        return Inbound(operation=Operation.EMBED, request=asked)

    @staticmethod
    def render_error(failure: Failure) -> HttpReply:
        """Render an error, which is only a message on this route."""
        reply = openai_error(failure)
        return HttpReply(reply.status, reply.headers, encode({"error": failure.message}))


SERVER = FeaturesServer()
