"""The local models: `/api/tags`, and `/api/show` for one."""

from __future__ import annotations

from typing import Any

from understudy.dialects.catalog import capabilities_of
from understudy.dialects.ollama.wire import CAPABILITIES, ListedModelWire, ModelWire, unix_seconds
from understudy.domain.failures import Failure
from understudy.domain.responses import ModelInfo
from understudy.domain.usage import token_count
from understudy.wire.json import BadJson, convert, decode_object


def decode_models(body: bytes, limit: int | None) -> list[ModelInfo | Failure]:
    """Decode the list of `/api/tags`, which has no pages. Raise `BadJson`."""
    entries = decode_object(body).get("models")
    if not isinstance(entries, list):
        raise BadJson("it does not contain a list of models")
    return [_decode_model(entry) for entry in entries[:limit]]


def decode_single(body: bytes, name: str) -> list[ModelInfo | Failure]:
    """Decode the model of `/api/show`, which does not repeat its name. Raise `BadJson`."""
    raw = decode_object(body)
    shown = convert(raw, ModelWire)
    facts = shown.model_info if isinstance(shown.model_info, dict) else {}
    window = token_count(facts.get(f"{facts.get('general.architecture')}.context_length"))
    capabilities, lacks = capabilities_of(shown.capabilities, CAPABILITIES)
    model = ModelInfo(
        id=name,
        created=unix_seconds(shown.modified_at),
        context_window=window,
        capabilities=capabilities,
        lacks=lacks,
        raw=raw,
    )
    return [model]


def _decode_model(entry: Any) -> ModelInfo:
    model = convert(entry, ListedModelWire)
    name = model.model or model.name
    if not name:
        raise BadJson("a model in the list has no name")
    capabilities, lacks = capabilities_of(model.capabilities, CAPABILITIES)
    return ModelInfo(
        id=name,
        created=unix_seconds(model.modified_at),
        capabilities=capabilities,
        lacks=lacks,
        raw=entry,
    )
