"""Requests that create a prediction: encoded from the unified request, or patched if they came in as this dialect."""

from __future__ import annotations

from understudy.dialects.base import Endpoint, WarningLog, extra_fields
from understudy.dialects.patching import Body, encoded, fill, received
from understudy.dialects.replicate.encode_settings import encode_inputs
from understudy.dialects.replicate.names import Place, create_route
from understudy.dialects.replicate.schema import InputSchema
from understudy.dialects.replicate.wire import CEILINGS, NAME
from understudy.domain.content import JsonObject
from understudy.domain.requests import GenerationRequest
from understudy.domain.usage import token_count
from understudy.wire.http import JSON_HEADERS, HttpRequest


def encode_chat(
    request: GenerationRequest, endpoint: Endpoint, schema: InputSchema, version: str | None, notes: WarningLog
) -> JsonObject:
    """Encode the unified request as a prediction, with the inputs of the model."""
    body: JsonObject = {"version": version} if version is not None else {}
    inputs = encode_inputs(request, schema, notes)
    extra = dict(extra_fields(request.extra, NAME, endpoint))
    added = extra.pop("input", None)
    if isinstance(added, dict):
        inputs = _merged(inputs, added)
    return _merged({**body, "input": inputs}, extra)


def encode_patched(request: GenerationRequest, endpoint: Endpoint) -> Body | None:
    """Return the body as it came in, with configured values for unset fields; `None` for a request that came in over
    another wire format, or for another model, which has other inputs."""
    if endpoint.model not in (None, request.model) or (body := received(request, NAME)) is None:
        return None
    return fill(body, extra_fields(request.extra, endpoint.provider, endpoint))


def encode_request(body: Body, path: str, endpoint: Endpoint, *, stream: bool) -> HttpRequest:
    """Return the HTTP request. The service waits for a whole answer (up to a minute); a stream has its own URL."""
    if stream or "stream" in body:
        body["stream"] = stream
    headers = JSON_HEADERS if stream else (*JSON_HEADERS, ("prefer", "wait"))
    return HttpRequest("POST", f"{endpoint.base_url}{path}", (*headers, *endpoint.headers), encoded(body))


def path_of(body: Body, place: Place) -> str:
    """Return the path for a body that came in: one with a version needs no model in the path."""
    if "version" in body:
        return "/v1/predictions"
    return create_route(place, InputSchema(official=True))[0]


def ceiling_of(body: Body) -> int | None:
    """Return the limit of output tokens in the inputs, if any."""
    inputs = body.get("input")
    if not isinstance(inputs, dict):
        return None
    return next((count for name in CEILINGS if (count := token_count(inputs.get(name))) is not None), None)


def _merged(fields: JsonObject, extra: JsonObject) -> JsonObject:
    merged = {**fields, **extra}
    return {key: value for key, value in merged.items() if not (value is None and key in extra)}
