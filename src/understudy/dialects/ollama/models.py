"""The models that are pulled: `/api/tags`, and `/api/show` of one."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

from understudy.dialects.ollama.wire import (
    CAPABILITIES,
    ListedModelWire,
    ModelWire,
    unix_seconds,
)
from understudy.domain.failures import Failure
from understudy.domain.responses import ModelInfo
from understudy.domain.usage import token_count
from understudy.wire.json import BadJson, decode_object

T = TypeVar("T")


def decode_models(body: bytes, limit: int | None) -> list[ModelInfo | Failure]:
    """Decode the list of `/api/tags`, which has no pages. Raises `BadJson`."""
    entries = decode_object(body).get("models")
    if not isinstance(entries, list):
        raise BadJson("it holds no list of models")
    return [_decode_model(entry) for entry in entries[:limit]]


def decode_single(body: bytes, name: str) -> list[ModelInfo | Failure]:
    """Decode the model of `/api/show`, which does not repeat its name. Raises `BadJson`."""
    raw = decode_object(body)
    shown = _convert(raw, ModelWire)
    facts = shown.model_info if isinstance(shown.model_info, dict) else {}
    window = token_count(facts.get(f"{facts.get('general.architecture')}.context_length"))
    model = ModelInfo(
        id=name,
        created=unix_seconds(shown.modified_at),
        context_window=window,
        capabilities=_capabilities(shown.capabilities),
        lacks=_lacks(shown.capabilities),
        raw=raw,
    )
    return [model]


def _decode_model(entry: Any) -> ModelInfo:
    model = _convert(entry, ListedModelWire)
    name = model.model or model.name
    if not name:
        raise BadJson("a model of the list has no name")
    return ModelInfo(
        id=name,
        created=unix_seconds(model.modified_at),
        capabilities=_capabilities(model.capabilities),
        lacks=_lacks(model.capabilities),
        raw=entry,
    )


def _capabilities(names: Any) -> frozenset[str] | None:
    if not isinstance(names, list):
        return None
    return frozenset(CAPABILITIES[name] for name in names if isinstance(name, str) and name in CAPABILITIES)


def _lacks(names: Any) -> frozenset[str]:
    """What a list that is given does not name."""
    return (
        frozenset()
        if not isinstance(names, list)
        else frozenset(CAPABILITIES.values()) - (_capabilities(names) or frozenset())
    )


def _convert(value: Any, kind: type[T]) -> T:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise BadJson(str(error)) from error
