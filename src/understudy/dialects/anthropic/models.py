"""The model catalogue: `GET /v1/models` over its pages, and `GET /v1/models/{id}`."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

from understudy.dialects.anthropic.errors import classify
from understudy.dialects.anthropic.wire import CAPABILITIES, ModelItem, ModelPage
from understudy.dialects.base import Endpoint, Exchange
from understudy.dialects.catalog import Catalog, open_catalog
from understudy.dialects.windows import window_of
from understudy.domain.content import JsonObject
from understudy.domain.operation import Operation
from understudy.domain.requests import ModelsRequest
from understudy.domain.responses import ModelInfo
from understudy.domain.usage import token_count
from understudy.wire.json import convert, decode_as

_PAGE: msgspec.json.Decoder[ModelPage] = msgspec.json.Decoder(ModelPage)


def decode_model(item: JsonObject) -> ModelInfo:
    """Decode one model. Raise `BadJson` if it is invalid."""
    model = convert(item, ModelItem)
    stated = model.capabilities
    # All models chat and call tools; the catalogue states the rest.
    capabilities = None if stated is None else frozenset({"chat", "tools"} | _features_of(stated, supported=True))
    return ModelInfo(
        id=model.id,
        display_name=model.display_name,
        created=_seconds(model.created_at),
        context_window=window_of(item),
        max_output_tokens=token_count(model.max_tokens),
        capabilities=capabilities,
        lacks=frozenset(_features_of(stated or {}, supported=False)),
        raw=item,
    )


def _read_page(data: bytes) -> tuple[list[JsonObject], str | None]:
    page = decode_as(_PAGE, data)
    return page.data, page.last_id if page.has_more else None


def _features_of(raw: JsonObject, *, supported: bool) -> set[str]:
    """Return the features that are stated as supported, or as not supported."""
    return {
        ours
        for theirs, ours in CAPABILITIES.items()
        if isinstance(value := raw.get(theirs), dict) and value.get("supported") is supported
    }


def _seconds(date: str | None) -> float | None:
    """Return an RFC 3339 date as Unix seconds; the service writes the epoch for an unknown one."""
    try:
        when = datetime.fromisoformat(date) if date else None
    except ValueError:
        return None
    if when is None:
        return None
    seconds = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    return seconds if seconds > 0 else None


_CATALOG = Catalog("v1/models", "limit", "after_id", _read_page, decode_model)


def open_models(request: ModelsRequest, endpoint: Endpoint) -> Exchange[ModelInfo]:
    """Open the list over all its pages, or the look-up of one model."""
    return open_catalog(_CATALOG, request, endpoint, classify(endpoint, Operation.MODELS))
