"""The server half: reads texts, writes bare arrays of vectors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar
from urllib.parse import unquote, urlsplit

from understudy.dialects.hf_features.errors import bad_request
from understudy.dialects.hf_features.wire import NAME
from understudy.dialects.openai.render import render_error as openai_error
from understudy.dialects.server import BadRequest, Inbound, ServerHalf, Writer, key_of
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest, WireOrigin
from understudy.domain.responses import EmbeddingResponse
from understudy.wire.http import JSON_HEADERS, HttpReply, HttpRequest
from understudy.wire.json import BadJson, decode_object, encode

_ROUTE = re.compile(r"/models/(?P<model>.+)/pipeline/feature-extraction$")


def _embeddings(response: EmbeddingResponse, inbound: Inbound) -> HttpReply:
    """Write vectors: one alone where one text was given outside of a list."""
    vectors = response.embeddings
    asked = inbound.request
    alone = isinstance(asked, EmbeddingRequest) and asked.single
    return HttpReply(200, JSON_HEADERS, encode(vectors[0] if alone else vectors))


class FeaturesServer(ServerHalf):
    """The server half of the `hf-features` dialect."""

    name: ClassVar[str] = NAME
    operations: ClassVar[Mapping[Operation, Writer]] = {
        Operation.EMBED: _embeddings,
    }

    def operation(self, method: str, path: str) -> Operation | None:
        """Tell whether a method and path ask for vectors, whichever partner stands before them."""
        found = _ROUTE.search(urlsplit(path).path.rstrip("/"))
        return Operation.EMBED if method == "POST" and found else None

    def credential(self, request: HttpRequest) -> str | None:
        """Return the bearer token."""
        return key_of(request)

    def parse(self, request: HttpRequest) -> Inbound:
        """Read a request. Raises `BadRequest`."""
        found = _ROUTE.search(urlsplit(request.url).path.rstrip("/"))
        if found is None:
            raise BadRequest(Failure(kind=FailureKind.NOT_FOUND, message="Not Found", status=404, sent=False))
        data = request.body or b""
        try:
            body = decode_object(data)
        except BadJson as error:
            raise bad_request(f"the request is not a JSON object: {error}") from error
        match body.get("inputs"):
            case str() as text:
                texts, single = (text,), True
            case list() as several if several and all(isinstance(text, str) for text in several):
                texts, single = tuple(several), False
            case _:
                raise bad_request("inputs: expected a text or a list of texts")
        rest = {name: value for name, value in body.items() if name != "inputs" and value is not None}
        asked = EmbeddingRequest(
            texts=texts,
            model=unquote(found["model"]),
            single=single,
            extra={NAME: rest} if rest else None,
            origin=WireOrigin(NAME, data),
        )
        return Inbound(operation=Operation.EMBED, request=asked)

    def render_error(self, failure: Failure) -> HttpReply:
        """Write an error: its words alone, as this route does."""
        reply = openai_error(failure)
        return HttpReply(reply.status, reply.headers, encode({"error": failure.message}))


SERVER = FeaturesServer()
