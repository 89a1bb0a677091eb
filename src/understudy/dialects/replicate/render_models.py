"""Models as Replicate's API describes them, with the inputs that this server half understands."""

from __future__ import annotations

from hashlib import sha256

from understudy.dialects.replicate.wire import date_of
from understudy.domain.content import JsonObject
from understudy.domain.responses import ModelInfo


def render_model(model: ModelInfo) -> JsonObject:
    """Return a model; an entry of this dialect keeps all its fields."""
    raw = model.raw or {}
    if "owner" in raw and "name" in raw:
        return raw
    owner, _, name = model.id.rpartition("/")
    return {
        "url": f"https://replicate.com/{model.id}",
        "owner": owner,
        "name": name,
        "description": model.display_name,
        "visibility": "public",
        "is_official": True,
        "github_url": None,
        "paper_url": None,
        "license_url": None,
        "run_count": 0,
        "cover_image_url": None,
        "created_at": date_of(model.created),
        "default_example": None,
        "latest_version": render_version(model, sha256(model.id.encode()).hexdigest()),
    }


def render_version(model: ModelInfo, version: str) -> JsonObject:
    """Return a version of a model, with the description of its inputs."""
    latest = (model.raw or {}).get("latest_version")
    if isinstance(latest, dict):
        return {**latest, "id": version}
    return {
        "id": version,
        "created_at": date_of(model.created),
        "cog_version": "0.14.0",
        "openapi_schema": render_openapi(inputs_of(model.capabilities or frozenset())),
    }


def render_openapi(inputs: JsonObject, required: tuple[str, ...] = ()) -> JsonObject:
    """Return the description of a model with these inputs and streamed text as output."""
    described = {name: {"title": name.replace("_", " ").title(), **value} for name, value in inputs.items()}
    output = {
        "type": "array",
        "title": "Output",
        "items": {"type": "string"},
        "x-cog-array-type": "iterator",
        "x-cog-array-display": "concatenate",
    }
    taken: JsonObject = {"type": "object", "title": "Input", "properties": described}
    if required:
        taken["required"] = list(required)
    return {
        "openapi": "3.0.2",
        "info": {"title": "Cog", "version": "0.1.0"},
        "paths": {},
        "components": {"schemas": {"Input": taken, "Output": output}},
    }


def inputs_of(capabilities: frozenset[str]) -> JsonObject:
    """Return the inputs of a model with these capabilities, as this server half parses them."""
    inputs: JsonObject = {
        "prompt": {"type": "string"},
        "system_prompt": {"type": "string"},
        "messages": {"type": "array", "items": {"type": "object"}, "default": []},
        "max_tokens": {"type": "integer", "minimum": 1},
        "temperature": {"type": "number", "minimum": 0, "maximum": 2},
        "top_p": {"type": "number", "minimum": 0, "maximum": 1},
        "top_k": {"type": "integer", "minimum": 0},
        "presence_penalty": {"type": "number"},
        "frequency_penalty": {"type": "number"},
        "seed": {"type": "integer"},
        "stop_sequences": {"type": "string"},
    }
    if "vision" in capabilities:
        inputs["image_input"] = {"type": "array", "items": {"type": "string", "format": "uri"}, "default": []}
    if "thinking" in capabilities:
        inputs["reasoning_effort"] = {"type": "string"}
    return inputs
