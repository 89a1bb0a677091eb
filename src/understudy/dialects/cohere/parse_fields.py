"""Fields of a request body, read one by one; what remains goes to `extra`."""

from __future__ import annotations

from typing import Any

from understudy.dialects.cohere.errors import bad_request
from understudy.dialects.cohere.wire import FORWARDED, NAME
from understudy.dialects.server import KIND_NAMES, BadRequest, BodyFields, complaint_about, receive_body
from understudy.domain.content import JsonObject
from understudy.domain.requests import WireOrigin
from understudy.wire.http import HttpRequest
from understudy.wire.json import BadJson


class Fields(BodyFields):
    """The fields of a body, with the service's wording of errors."""

    def wrong_type(self, name: str, kind: type) -> BadRequest:
        """Return the error for a field that is not of the expected type."""
        return bad_request(f"invalid request: {name} must be of type {KIND_NAMES[kind]}")

    def need(self, name: str, *kinds: type) -> Any:
        """Return a required field and remove it. Raise `BadRequest`."""
        value = self.take(name, *kinds)
        if value is None:
            raise bad_request(f"invalid request: {name} is required")
        return value

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of strings and remove it. Raise `BadRequest`."""
        values = self.take(name, list) or []
        if not all(isinstance(value, str) for value in values):
            raise bad_request(f"invalid request: {name} must be a list of strings")
        return tuple(values)


def body_of(request: HttpRequest) -> tuple[WireOrigin, Fields]:
    """Return the received body and its fields. Raise `BadRequest`."""
    try:
        sent = receive_body(request, NAME, FORWARDED)
    except BadJson as error:
        raise bad_request(complaint_about(error, "failed to decode json body")) from error
    return sent.origin, Fields(sent.fields)


def rest_of(block: JsonObject, *own: str) -> dict[str, JsonObject] | None:
    """Return the fields of a block other than `own`, as `extra`."""
    rest = {key: value for key, value in block.items() if key not in ("type", *own) and value is not None}
    return {NAME: rest} if rest else None
