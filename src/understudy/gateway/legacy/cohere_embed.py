"""Version 1 of Cohere's embeddings (`/v1/embed`): the types of the vectors and their purpose may be missing.

Source: Cohere API reference, "Embed API (v1)".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from msgspec.structs import replace

from understudy.dialects.cohere import render
from understudy.dialects.cohere.errors import bad_request
from understudy.dialects.cohere.parse import parse_embed
from understudy.dialects.cohere.wire import INPUT_TYPES
from understudy.dialects.server import Inbound, ServerHalf, Writer, complaint_about, json_reply, key_of, parser
from understudy.domain.operation import Operation
from understudy.domain.requests import EmbeddingRequest
from understudy.domain.responses import EmbeddingResponse
from understudy.wire.http import HttpReply, HttpRequest
from understudy.wire.json import BadJson, decode_object, encode
from understudy.wire.splice import receive


def _rendered(response: EmbeddingResponse, inbound: Inbound) -> HttpReply:
    """Render vectors by their types if the request names types, else as one list."""
    reply = render.render_embeddings(response, inbound)
    if reply.status != 200:
        return reply
    body = decode_object(reply.body)
    body["meta"] = {**body["meta"], "api_version": {"version": "1"}}
    if not inbound.options.get("by_type"):
        body |= {"embeddings": response.embeddings, "response_type": "embeddings_floats"}
    return json_reply(body)


class EmbedServer(ServerHalf):
    """Reads and writes embeddings in version 1 of Cohere's API."""

    name: ClassVar[str] = "cohere"
    operations: ClassVar[Mapping[Operation, Writer]] = {Operation.EMBED: _rendered}

    def operation(self, method: str, path: str) -> Operation | None:
        """Return the operation of a route."""
        is_own = method.upper() == "POST" and path.partition("?")[0].rstrip("/").endswith("/v1/embed")
        return Operation.EMBED if is_own else None

    def credential(self, request: HttpRequest) -> str | None:
        """Return the key of `Authorization: Bearer`."""
        return key_of(request)

    @parser
    def parse(self, request: HttpRequest) -> Inbound:
        """Parse a request. Raise `BadRequest`.

        It is read as one of version 2, in which more is required. What was added for that is taken away again.
        """
        try:
            body = receive(request.body or b"").value
        except BadJson as error:
            raise bad_request(complaint_about(error, "failed to decode json body")) from error
        body = {name: value for name, value in body.items() if value is not None}
        if "images" in body:
            raise bad_request("invalid request: images cannot be embedded here")
        added = {"model": "", "input_type": INPUT_TYPES["document"], "embedding_types": ["float"]}
        missing = added.keys() - body.keys()
        inbound = parse_embed(HttpRequest(request.method, request.url, request.headers, encode({**added, **body})))
        embedding = inbound.request
        if not isinstance(embedding, EmbeddingRequest):
            raise TypeError("an embedding is parsed to an EmbeddingRequest")
        embedding = replace(
            embedding,
            model=None if "model" in missing else embedding.model,
            input_type=None if "input_type" in missing else embedding.input_type,
            origin=None,
        )
        options = {**inbound.options, "by_type": "embedding_types" not in missing}
        return replace(inbound, request=embedding, options=options)

    render_error = staticmethod(render.render_error)


SERVER = EmbedServer()
