"""Renders answers in the form of Replicate's API: predictions, models and problems."""

from __future__ import annotations

from typing import Any

from understudy.dialects.errors import status_of, statuses, worded
from understudy.dialects.replicate.errors import WORDS
from understudy.dialects.replicate.names import place_of
from understudy.dialects.replicate.render_models import render_model, render_version
from understudy.dialects.replicate.usage import render_usage
from understudy.dialects.replicate.wire import SUCCEEDED, TERMINAL, date_of
from understudy.dialects.server import Inbound, json_reply
from understudy.domain.content import JsonObject, Refusal, Text
from understudy.domain.failures import Failure, FailureKind
from understudy.domain.requests import ModelsRequest
from understudy.domain.responses import GenerationResponse, ModelInfo
from understudy.wire.http import JSON_HEADERS, Headers, HttpReply
from understudy.wire.json import encode

PAGE = 25
"""Models per page."""

PROBLEM_HEADERS: Headers = (("content-type", "application/problem+json"),)

_K = FailureKind
_INVALID = (_K.INVALID_REQUEST, _K.CONTEXT_LENGTH, _K.CONTENT_FILTER, _K.UNSUPPORTED)
_STATUSES = statuses(dict.fromkeys(_INVALID, 422), unknown=(499, 502, 504))
_TITLES = {
    401: "Unauthenticated",
    402: "Insufficient credit",
    403: "Forbidden",
    404: "Not found",
    409: "Conflict",
    413: "Payload too large",
    422: "Input validation failed",
    429: "Too many requests",
    500: "Internal server error",
    503: "Service unavailable",
}
"""The title of a problem by the status of its kind."""


def render_whole(response: GenerationResponse, inbound: Inbound, status: str = SUCCEEDED) -> JsonObject:
    """Return an answer as a prediction in a status, with as much output as the answer has."""
    place = place_of(response.model or inbound.request.model or "")
    number = response.id or "understudy"
    home = f"{inbound.options.get('origin') or ''}/v1"
    texts = [part.text for part in response.message.parts if isinstance(part, Text | Refusal)]
    body: JsonObject = {
        "id": number,
        "model": place.model or place.version,
        "version": place.version or "hidden",
        "input": inbound.options.get("input") or {},
        "logs": "",
        "output": None if status == "starting" else texts,
        "data_removed": False,
        "error": None,
        "status": status,
        "created_at": date_of(response.created),
        "urls": {
            "cancel": f"{home}/predictions/{number}/cancel",
            "get": f"{home}/predictions/{number}",
            "stream": f"{home}/streams/{number}",
            "web": f"https://replicate.com/p/{number}",
        },
    }
    if status != "starting":
        body["started_at"] = date_of(response.created)
    if status in TERMINAL:
        body |= {"completed_at": date_of(response.created), "metrics": render_usage(response.usage)}
    return body


def render_prediction(response: GenerationResponse, inbound: Inbound) -> HttpReply:
    """Write the whole answer as a prediction that has already ended."""
    return HttpReply(201, JSON_HEADERS, encode(render_whole(response, inbound)))


def render_models(models: list[ModelInfo], inbound: Inbound) -> HttpReply:
    """Render the requested page, collection, model or version."""
    wanted = inbound.request
    if not isinstance(wanted, ModelsRequest):
        raise TypeError("a model list answers a ModelsRequest")
    if wanted.model is not None:
        found = next((model for model in models if model.id == wanted.model), None)
        if found is None:
            return render_error(Failure(kind=_K.NOT_FOUND, message="The requested resource could not be found."))
        version = inbound.options.get("version")
        return json_reply(render_model(found) if version is None else render_version(found, str(version)))
    if collection := inbound.options.get("collection"):
        listed = [render_model(each) for each in models if each.capabilities is None or "chat" in each.capabilities]
        return json_reply({"name": "Language models", "slug": collection, "description": "", "models": listed})
    start = int(wanted.after) if wanted.after and wanted.after.isdigit() else 0
    cursor = f"{inbound.options.get('origin') or ''}/v1/models?cursor="
    return json_reply(
        {
            "previous": f"{cursor}{max(0, start - PAGE)}" if start else None,
            "next": f"{cursor}{start + PAGE}" if start + PAGE < len(models) else None,
            "results": [render_model(model) for model in models[start : start + PAGE]],
        }
    )


def render_error(failure: Failure) -> HttpReply:
    """Render a problem with its status and `retry-after`."""
    body = render_error_body(failure)
    headers = [*PROBLEM_HEADERS]
    if failure.retry_after is not None:
        headers.append(("retry-after", f"{failure.retry_after:g}"))
    return HttpReply(body["status"], tuple(headers), encode(body))


def render_error_body(failure: Failure) -> JsonObject:
    """Return a problem, as in responses and in the `error` event of a stream."""
    message, title = worded(failure, WORDS), _TITLES[_STATUSES[failure.kind]]
    body: dict[str, Any] = {"title": title, "detail": message, "status": status_of(failure, _STATUSES)}
    if failure.type is not None:
        body["type"] = failure.type
    if failure.param is not None:
        body["invalid_fields"] = [{"type": "invalid", "field": failure.param, "description": message}]
    return body
