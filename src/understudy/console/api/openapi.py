"""The OpenAPI document of the API, drawn from its routes and from the structs that they read and answer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

import understudy
from understudy.console.api.errors import ErrorReport
from understudy.console.http import JSON, Reply, Request
from understudy.console.routes import ConsoleRoute

if TYPE_CHECKING:
    from understudy.console.context import ConsoleContext

_ROOT = "/admin/v1/"
_REFERENCE = "#/components/schemas/{name}"
_ERRORS = {
    "400": "a parameter or the body is invalid",
    "401": "the admin key is missing or unknown",
    "403": "the key's scope is too small, or the console is closed",
    "429": "the admin key is unknown, and too many wrong ones were sent within a minute",
    "503": "the ledger, or what the processes share, cannot be used at the moment",
}
_MEDIA = {"events": "text/event-stream", "requests.csv": "text/csv"}
"""What is answered that is not JSON, by the end of its path."""


def route(routes: Sequence[ConsoleRoute]) -> ConsoleRoute:
    """Return the route that answers with the document of some routes, and of itself."""

    @cache
    def encoded() -> bytes:
        return msgspec.json.encode(document((*routes, own)))

    async def answer(request: Request, context: ConsoleContext) -> Reply:
        return Reply(200, JSON, encoded())

    own = ConsoleRoute(
        method="GET", path="/admin/v1/openapi.json", handler=answer, says="this API, as an OpenAPI document"
    )
    return own


def document(routes: Sequence[ConsoleRoute]) -> dict[str, Any]:
    """Return the document of some routes."""
    types = [*dict.fromkeys(each for route in routes for each in (route.answer, route.body) if each is not None)]
    schemas, components = msgspec.json.schema_components((ErrorReport, *types), ref_template=_REFERENCE)
    error, *known = schemas
    by_type = dict(zip(types, known, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for each in routes:
        paths.setdefault(each.path, {})[each.method.lower()] = _operation(each, by_type, error)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "understudy: admin API",
            "version": understudy.__version__,
            "description": "What happens in a gateway, why, and what it costs; and what an operator can do about it.",
        },
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer", "description": "an admin key"}},
        },
    }


def _operation(route: ConsoleRoute, schemas: Mapping[Any, Any], error: Mapping[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": route.says,
        "operationId": re.sub(r"\W+", "_", f"{route.method} {route.path[len(_ROOT) :]}").strip("_").lower(),
        "description": f"Scope: {route.scope}." if route.scope else "Open to everyone.",
        "security": [{"bearer": []}] if route.scope else [],
        "responses": {str(route.status): {"description": route.says, "content": _content(route, schemas)}},
    }
    statuses = dict(_ERRORS)
    if "{" in route.path or route.body is not None:  # both may name something
        statuses["404"] = "there is no such thing"
    if route.method != "GET":
        statuses |= {"409": "it is not possible in this state", "413": "the body is too large"}
    if route.path.endswith("/orders") and route.method != "GET":
        statuses["409"] = "no other entry may be asked, and the order is not confirmed"
    if route.path.endswith("/reload"):
        statuses["422"] = "the configuration file is invalid"
    refused = {"application/json": {"schema": error}}
    operation["responses"] |= {status: {"description": words, "content": refused} for status, words in statuses.items()}
    if parameters := [*_of_path(route), *_of_query(route)]:
        operation["parameters"] = parameters
    if route.body is not None:
        body = {"application/json": {"schema": schemas[route.body]}}
        operation["requestBody"] = {"required": True, "content": body}
    return operation


def _content(route: ConsoleRoute, schemas: Mapping[Any, Any]) -> dict[str, Any]:
    if route.answer is not None:
        return {"application/json": {"schema": schemas[route.answer]}}
    media = next((kind for end, kind in _MEDIA.items() if route.path.endswith(f"/{end}")), None)
    return {"application/json": {"schema": {"type": "object"}}} if media is None else {media: {}}


def _of_path(route: ConsoleRoute) -> Iterable[dict[str, Any]]:
    for name in re.findall(r"\{(\w+)\}", route.path):
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _of_query(route: ConsoleRoute) -> Iterable[dict[str, Any]]:
    if route.query is None:
        return
    _, components = msgspec.json.schema_components((route.query,), ref_template=_REFERENCE)
    (own,) = components.values()
    for name, each in own["properties"].items():
        kinds = [kind for kind in each.get("anyOf", ()) if kind != {"type": "null"}]
        schema = kinds[0] if len(kinds) == 1 else {key: value for key, value in each.items() if value is not None}
        yield {"name": name, "in": "query", "required": name in own.get("required", ()), "schema": schema}
