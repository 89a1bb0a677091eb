"""Compaction by a request of its own (`/v1/responses/compact`), read as a response that ends with `compaction_trigger`.

The conversation must stand in the request, because nothing is stored here. The answer is the messages of the user and
one item that stands for the rest.
Source: OpenAI API reference, "Compact a response"; openai 2.54.0 for Python, `types/responses/compacted_response.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from msgspec.structs import replace

from understudy.dialects.responses.errors import bad_request
from understudy.dialects.responses.parse import parse_request
from understudy.dialects.responses.render import render_whole
from understudy.dialects.responses.server import ResponsesServer
from understudy.dialects.server import Inbound, Writer, json_reply, parser
from understudy.domain.content import JsonObject
from understudy.domain.operation import Operation
from understudy.gateway.compaction import ITEMS, TRIGGER
from understudy.wire.http import HttpReply, HttpRequest
from understudy.wire.json import BadJson, decode_object, encode
from understudy.wire.splice import receive


def _rendered(response: Any, inbound: Inbound) -> HttpReply:
    """Render a compacted conversation."""
    whole = decode_object(render_whole(response, inbound).body)
    kept = inbound.options["kept"]
    compactions = [item for item in whole["output"] if item.get("type") in ITEMS]
    return json_reply(
        {
            "id": whole["id"],
            "object": "response.compaction",
            "created_at": whole["created_at"],
            "output": [*(kept if isinstance(kept, list) else ()), *compactions],
            "usage": whole["usage"],
        }
    )


class CompactServer(ResponsesServer):
    """Reads requests for a compaction, and writes what stands for a conversation."""

    operations: ClassVar[Mapping[Operation, Writer]] = {Operation.CHAT: _rendered}

    def operation(self, method: str, path: str) -> Operation | None:
        """Return the operation of a route."""
        is_own = method.upper() == "POST" and path.partition("?")[0].rstrip("/").endswith("/responses/compact")
        return Operation.CHAT if is_own else None

    @parser
    def parse(self, request: HttpRequest) -> Inbound:
        """Parse a request. Raise `BadRequest`."""
        try:
            body = receive(request.body or b"").value
        except BadJson as error:
            raise bad_request(f"the body is not a JSON object: {error}") from error
        items = _items(body.get("input"))
        body = {**body, "input": [*items, {"type": TRIGGER}], "store": False, "stream": False}
        inbound = parse_request(HttpRequest(request.method, request.url, request.headers, encode(body)), Operation.CHAT)
        kept = [{**item, "type": "message"} for item in items if isinstance(item, dict) and item.get("role") == "user"]
        # Its bytes are not those that the client sent, so they are not forwarded, nor is the answer as it comes.
        return replace(
            inbound,
            request=replace(inbound.request, origin=None),
            options={**inbound.options, "kept": kept},
        )


def _items(given: Any) -> list[Any]:
    match given:
        case str(text):
            message: JsonObject = {"type": "message", "role": "user"}
            return [{**message, "content": [{"type": "input_text", "text": text}]}]
        case list(items) if items:
            return items
        case None | []:
            raise bad_request("input is missing", param="input", code="missing_required_parameter")
    raise bad_request("input must be a string or an array", param="input", code="invalid_type")


SERVER = CompactServer()
