"""Names on this wire: fields in camel case, models with their collection, and the addresses made of both."""

from __future__ import annotations

import re
from typing import Any

from understudy.dialects.addresses import in_path
from understudy.dialects.base import Endpoint
from understudy.dialects.gemini.wire import VERSION

_SNAKE = re.compile(r"_([a-z0-9])")
_COLLECTIONS = ("models/", "tunedModels/")

USERS_OWN = frozenset(
    {"args", "response", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema", "labels"}
)
"""Below these fields stands JSON of the caller's or the model's own, whose keys are not touched."""


def camel(name: str) -> str:
    """Return a field's name in camel case: JSON of protocol buffers is read in either, and written in that."""
    return _SNAKE.sub(lambda match: match.group(1).upper(), name)


def camel_keys(value: Any) -> Any:
    """Return a JSON value of the wire with its names in camel case."""
    if isinstance(value, list):
        return [camel_keys(item) for item in value]
    if not isinstance(value, dict):
        return value
    grown = {}
    for key, item in value.items():
        name = camel(key)
        grown[name] = item if name in USERS_OWN else camel_keys(item)
    return grown


def spelling(body: dict[str, Any], name: str) -> str:
    """Return the name under which a body holds a field: its own, or the one in snake case where that is there."""
    if name in body:
        return name
    return next((key for key in body if camel(key) == name), name)


def overlay(body: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    """Merge fields into a body, objects field by field; `None` removes one. The body is altered and returned."""
    for key, value in fields.items():
        if value is None:
            body.pop(key, None)
        elif isinstance(value, dict) and isinstance(body.get(key), dict):
            body[key] = overlay(dict(body[key]), value)
        else:
            body[key] = value
    return body


def bare(model: str | None) -> str | None:
    """Return a model's name without `models/`, as everyone but this API writes it."""
    return model.removeprefix("models/") if model is not None else None


def qualified(model: str) -> str:
    """Return a model's name with its collection."""
    return model if model.startswith(_COLLECTIONS) else f"models/{model}"


def method_url(endpoint: Endpoint, model: str | None, method: str) -> str:
    """Return where a method of a model is called."""
    return f"{model_url(endpoint, model or '')}:{method}"


def model_url(endpoint: Endpoint, model: str) -> str:
    """Return where a model is described. A name never leads out of its collection: raises `Misuse`."""
    collection, _, name = qualified(model).partition("/")
    return f"{endpoint.base_url}/{VERSION}/{collection}/{in_path(name)}"
