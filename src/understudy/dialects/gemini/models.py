"""The model catalogue: `GET /v1beta/models` over its pages, and `GET /v1beta/models/{name}`."""

from __future__ import annotations

from functools import partial
from urllib.parse import urlencode

import msgspec

from understudy.dialects.base import Endpoint, Exchange, SingleExchange, WholeReader
from understudy.dialects.error_bodies import read_any
from understudy.dialects.errors import classify
from understudy.dialects.gemini.errors import RULES, decode_error
from understudy.dialects.gemini.names import bare, model_url
from understudy.dialects.gemini.wire import CAPABILITIES, VERSION, ModelItem, ModelPage
from understudy.dialects.lookup import LookUp
from understudy.dialects.pages import open_pages
from understudy.domain.content import JsonObject
from understudy.domain.failures import Failure
from understudy.domain.operation import Operation
from understudy.domain.requests import ModelsRequest
from understudy.domain.responses import ModelInfo
from understudy.domain.usage import token_count
from understudy.wire.http import HttpRequest
from understudy.wire.json import BadJson, decode_as, decode_object

_PAGE: msgspec.json.Decoder[ModelPage] = msgspec.json.Decoder(ModelPage)


def open_models(request: ModelsRequest, endpoint: Endpoint) -> Exchange[ModelInfo]:
    """Open the catalogue, or the look-up of one model."""
    classifying = partial(classify, endpoint=endpoint, rules=RULES, read=decode_error, operation=Operation.MODELS)
    if request.model is not None:
        wanted = HttpRequest("GET", model_url(endpoint, request.model), endpoint.headers)
        single = SingleExchange(wanted, WholeReader(decode_single), classifying)
        return LookUp(single, lambda: open_models(ModelsRequest(), endpoint), bare(request.model) or request.model)

    def ask(size: int, token: str | None) -> HttpRequest:
        query = {"pageSize": str(size), **({"pageToken": token} if token else {})}
        return HttpRequest("GET", f"{endpoint.base_url}/{VERSION}/models?{urlencode(query)}", endpoint.headers)

    return open_pages(request, ask, _read_page, decode_model, classifying)


def decode_model(item: JsonObject) -> ModelInfo:
    """Decode one model. Raises `BadJson`."""
    try:
        model = msgspec.convert(item, ModelItem)
    except msgspec.ValidationError as error:
        raise BadJson(str(error)) from error
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


def decode_single(data: bytes) -> list[ModelInfo | Failure]:
    """Decode the body of a look-up. Raises `BadJson`."""
    return [decode_model(decode_object(data))]


def _capabilities(model: ModelItem) -> frozenset[str] | None:
    if model.supported_generation_methods is None:
        return None
    told = {CAPABILITIES[method] for method in model.supported_generation_methods if method in CAPABILITIES}
    return frozenset(told | {"thinking"} if model.thinking else told)
