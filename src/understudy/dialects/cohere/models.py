"""The model list: `GET /v1/models` over its pages, and `GET /v1/models/{model}`."""

from __future__ import annotations

from urllib.parse import urlencode

import msgspec

from understudy.dialects.addresses import in_path
from understudy.dialects.base import Classify, Endpoint, Exchange, SingleExchange, WholeReader
from understudy.dialects.cohere.wire import FEATURES, ModelPage
from understudy.dialects.lookup import LookUp
from understudy.dialects.pages import open_pages
from understudy.domain.content import JsonObject
from understudy.domain.failures import Failure
from understudy.domain.requests import ModelsRequest
from understudy.domain.responses import ModelInfo
from understudy.domain.usage import token_count
from understudy.wire.http import HttpRequest
from understudy.wire.json import BadJson, decode_as, decode_object

_PAGE: msgspec.json.Decoder[ModelPage] = msgspec.json.Decoder(ModelPage)


def open_models(request: ModelsRequest, endpoint: Endpoint, classify: Classify) -> Exchange[ModelInfo]:
    """Open the list over all its pages, or the look-up of one model."""
    if request.model is not None:
        url = f"{endpoint.base_url}/v1/models/{in_path(request.model)}"
        single = SingleExchange(HttpRequest("GET", url, endpoint.headers), WholeReader(decode_single), classify)
        return LookUp(single, lambda: open_models(ModelsRequest(), endpoint, classify), request.model)

    def ask(size: int, token: str | None) -> HttpRequest:
        query = {"page_size": str(size), **({"page_token": token} if token else {})}
        return HttpRequest("GET", f"{endpoint.base_url}/v1/models?{urlencode(query)}", endpoint.headers)

    return open_pages(request, ask, _read_page, decode_model, classify)


def _read_page(data: bytes) -> tuple[list[JsonObject], str | None]:
    page = decode_as(_PAGE, data)
    return page.models, page.next_page_token


def decode_single(data: bytes) -> list[ModelInfo | Failure]:
    """Read the body of a look-up. Raises `BadJson` when it is no model."""
    return [decode_model(decode_object(data))]


def decode_model(item: JsonObject) -> ModelInfo:
    """Read one model. Raises `BadJson` when it is none."""
    name = item.get("name")
    if not isinstance(name, str):
        raise BadJson("a model without a name")
    config = item.get("config")
    return ModelInfo(
        id=name,
        context_window=token_count(item.get("context_length")),
        # Not in the documentation, but in the answers to look-ups.
        max_output_tokens=token_count(config.get("max_output_tokens")) if isinstance(config, dict) else None,
        capabilities=_capabilities(item),
        lacks=_lacks(item),
        raw=item,
    )


def _capabilities(item: JsonObject) -> frozenset[str] | None:
    """What a model can do, where its features are told; its endpoints alone do not tell what it cannot."""
    endpoints, features = item.get("endpoints"), item.get("features")
    if not isinstance(endpoints, list) or ("chat" in endpoints and not isinstance(features, list)):
        return None
    told = {name for name in ("chat", "embed") if name in endpoints}
    return frozenset(told | {ours for theirs, ours in FEATURES.items() if theirs in (features or ())})


def _lacks(item: JsonObject) -> frozenset[str]:
    """What the features of a chat model do not name."""
    features = item.get("features")
    if not isinstance(features, list):
        return frozenset()
    return frozenset(ours for theirs, ours in FEATURES.items() if theirs not in features)
