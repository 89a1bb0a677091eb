"""The OpenAPI document of the gateway, drawn from its routes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from understudy.gateway.routes import Route

TITLES = {
    "openai": "OpenAI: chat completions, embeddings, models",
    "completions": "OpenAI: text completions",
    "responses": "OpenAI: Responses",
    "compact": "OpenAI: compaction",
    "anthropic": "Anthropic: Messages",
    "gemini": "Google: Gemini",
    "cohere": "Cohere",
    "cohere-v1": "Cohere: version 1",
    "ollama": "Ollama",
    "shared": "Lists of models, in the wire format that the headers show",
    "": "The gateway itself",
}
_OBJECT = {"content": {"application/json": {"schema": {"type": "object"}}}}
_STATUSES = {
    "400": "the request is invalid",
    "401": "the key is missing or unknown",
    "403": "the key may not use this model",
    "404": "the model is unknown",
    "409": "a request with the same Idempotency-Key is being answered",
    "413": "the body is too large",
    "422": "the Idempotency-Key was used for another request",
    "429": "limited at every provider",
    "502": "every provider failed",
    "503": "no provider can answer now",
}


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """Return the document. Bodies are those of the vendors' own documentation, so they are objects here."""
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "understudy",
            "version": "1",
            "description": "One endpoint in the wire formats of six vendors, in front of all configured providers.",
        },
        "paths": paths,
        "components": {"securitySchemes": _SCHEMES},
        "tags": [{"name": title} for title in TITLES.values()],
    }


_SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer"},
    **{name: {"type": "apiKey", "in": "header", "name": name} for name in ("x-api-key", "api-key", "x-goog-api-key")},
}


def _operation(route: Route) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "summary": route.says,
        "operationId": re.sub(r"\W+", "_", f"{route.method}_{route.path}").strip("_").lower(),
        "tags": [TITLES[route.face]],
        "responses": {"200": {"description": route.says, **_OBJECT}},
    }
    if route.admits == "key":
        operation["security"] = [{name: []} for name in _SCHEMES]
        operation["responses"] |= {status: {"description": words, **_OBJECT} for status, words in _STATUSES.items()}
    if names := re.findall(r"\{(\w+)\}", route.path):
        operation["parameters"] = [
            {"name": name, "in": "path", "required": True, "schema": {"type": "string"}} for name in names
        ]
    if route.method == "POST":
        operation["requestBody"] = {"required": True, **_OBJECT}
    return operation
