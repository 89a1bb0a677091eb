"""Names in this API: fields in camel case, models with their collection, and the URLs of both."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from understudy.dialects.addresses import in_path
from understudy.dialects.base import Endpoint
from understudy.dialects.gemini.wire import VERSION

_SNAKE = re.compile(r"_([a-z0-9])")
_COLLECTIONS = ("models/", "tunedModels/")

USERS_OWN = frozenset(
    {"args", "response", "parameters", "parametersJsonSchema", "responseSchema", "responseJsonSchema", "labels"}
)
"""Fields whose values are the caller's or the model's own JSON, with keys that are not changed."""


def camel(name: str) -> str:
    """Return a field's name in camel case: JSON of protocol buffers is read in either case, written in this one."""
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


def spelling(body: Mapping[str, Any], name: str) -> str:
    """Return the name of a field in a body: in snake case if the body has that, else in camel case."""
    if name in body:
        return name
    return next((key for key in body if camel(key) == name), name)


def overlay(body: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    """Merge fields into a body in place, objects field by field; `None` removes a field. Return the body."""
    for key, value in fields.items():
        if value is None:
            body.pop(key, None)
        elif isinstance(value, dict) and isinstance(body.get(key), dict):
            body[key] = overlay(dict(body[key]), value)
        else:
            body[key] = value
    return body


def bare(model: str | None) -> str | None:
    """Return a model's name without `models/`, as everywhere but in this API."""
    return model.removeprefix("models/") if model is not None else None


def qualified(model: str) -> str:
    """Return a model's name with its collection."""
    return model if model.startswith(_COLLECTIONS) else f"models/{model}"


def method_url(endpoint: Endpoint, model: str | None, method: str) -> str:
    """Return the URL of a method of a model."""
    return f"{model_url(endpoint, model or '')}:{method}"


def model_url(endpoint: Endpoint, model: str) -> str:
    """Return the URL of a model. Raises `Misuse` for a name that is not safe in a path."""
    collection, _, name = qualified(model).partition("/")
    return f"{endpoint.base_url}/{VERSION}/{collection}/{in_path(name)}"
