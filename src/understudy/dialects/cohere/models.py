"""The model list: `GET /v1/models` over its pages, and `GET /v1/models/{model}`."""

from __future__ import annotations

import msgspec

from understudy.dialects.base import Endpoint, Exchange
from understudy.dialects.catalog import Catalog, capabilities_of, open_catalog
from understudy.dialects.cohere.errors import classify
from understudy.dialects.cohere.wire import FEATURES, ModelPage
from understudy.domain.content import JsonObject
from understudy.domain.operation import Operation
from understudy.domain.requests import ModelsRequest
from understudy.domain.responses import ModelInfo
from understudy.domain.usage import token_count
from understudy.wire.json import BadJson, decode_as

_PAGE: msgspec.json.Decoder[ModelPage] = msgspec.json.Decoder(ModelPage)


def _read_page(data: bytes) -> tuple[list[JsonObject], str | None]:
    page = decode_as(_PAGE, data)
    return page.models, page.next_page_token


def decode_model(item: JsonObject) -> ModelInfo:
    """Decode one model. Raise `BadJson` if it is invalid."""
    name = item.get("name")
    if not isinstance(name, str):
        raise BadJson("a model without a name")
    config = item.get("config")
    features, lacks = capabilities_of(item.get("features"), FEATURES)
    return ModelInfo(
        id=name,
        context_window=token_count(item.get("context_length")),
        # Not in the documentation, but in the answers to look-ups.
        max_output_tokens=token_count(config.get("max_output_tokens")) if isinstance(config, dict) else None,
        capabilities=_capabilities(item, features),
        lacks=lacks,
        raw=item,
    )


def _capabilities(item: JsonObject, features: frozenset[str] | None) -> frozenset[str] | None:
    """Return what a model can do; `None` for one that chats and does not state its features."""
    endpoints = item.get("endpoints")
    if not isinstance(endpoints, list) or ("chat" in endpoints and features is None):
        return None
    return frozenset(name for name in ("chat", "embed") if name in endpoints) | (features or frozenset())


_CATALOG = Catalog("v1/models", "page_size", "page_token", _read_page, decode_model)


def open_models(request: ModelsRequest, endpoint: Endpoint) -> Exchange[ModelInfo]:
    """Open the list over all its pages, or the look-up of one model."""
    return open_catalog(_CATALOG, request, endpoint, classify(endpoint, Operation.MODELS))
