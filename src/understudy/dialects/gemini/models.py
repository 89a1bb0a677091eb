"""The model catalogue: `GET /v1beta/models` over its pages, and `GET /v1beta/models/{name}`."""

from __future__ import annotations

import msgspec

from understudy.dialects.base import Endpoint, Exchange
from understudy.dialects.catalog import Catalog, open_catalog
from understudy.dialects.error_bodies import read_any
from understudy.dialects.gemini.errors import classify
from understudy.dialects.gemini.names import bare, model_url
from understudy.dialects.gemini.wire import CAPABILITIES, VERSION, ModelItem, ModelPage
from understudy.domain.content import JsonObject
from understudy.domain.operation import Operation
from understudy.domain.requests import ModelsRequest
from understudy.domain.responses import ModelInfo
from understudy.domain.usage import token_count
from understudy.wire.json import BadJson, convert, decode_as

_PAGE: msgspec.json.Decoder[ModelPage] = msgspec.json.Decoder(ModelPage)


def decode_model(item: JsonObject) -> ModelInfo:
    """Decode one model. Raise `BadJson` if it is invalid."""
    model = convert(item, ModelItem)
    return ModelInfo(
        id=bare(model.name) or "",
        display_name=model.display_name,
        context_window=token_count(model.input_token_limit),
        max_output_tokens=token_count(model.output_token_limit),
        capabilities=_capabilities(model),
        raw=item,
    )


def _read_page(data: bytes) -> tuple[list[JsonObject], str | None]:
    page = decode_as(_PAGE, data)
    if not page.models and read_any(data) is not None:
        raise BadJson("an error in place of a list")
    return page.models, page.next_page_token


def _capabilities(model: ModelItem) -> frozenset[str] | None:
    if model.supported_generation_methods is None:
        return None
    told = {CAPABILITIES[method] for method in model.supported_generation_methods if method in CAPABILITIES}
    return frozenset(told | {"thinking"} if model.thinking else told)


_CATALOG = Catalog(f"{VERSION}/models", "pageSize", "pageToken", _read_page, decode_model)


def open_models(request: ModelsRequest, endpoint: Endpoint) -> Exchange[ModelInfo]:
    """Open the list over all its pages, or the look-up of one model."""
    classifying = classify(endpoint, Operation.MODELS)
    if request.model is None:
        return open_catalog(_CATALOG, request, endpoint, classifying)
    bare_request = msgspec.structs.replace(request, model=bare(request.model) or request.model)
    return open_catalog(_CATALOG, bare_request, endpoint, classifying, model_url(endpoint, request.model))
