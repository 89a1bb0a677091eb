"""Models as Replicate lists them, and the exchange that reads them.

The list is the collection of language models: the whole catalogue holds everything that anyone has published, and
Replicate's own guide for clients advises against listing it.
"""

from __future__ import annotations

from functools import partial
from urllib.parse import urljoin

import msgspec

from understudy.dialects.base import Endpoint
from understudy.dialects.errors import classify
from understudy.dialects.pages import open_pages
from understudy.dialects.replicate.errors import RULES, decode_error
from understudy.dialects.replicate.names import model_url, place_of
from understudy.dialects.replicate.schema import InputSchema, schema_of
from understudy.dialects.replicate.wire import BUDGETS, IMAGES, SWITCHES, ModelWire, PageWire, seconds
from understudy.dialects.series import Series
from understudy.domain.content import JsonObject
from understudy.domain.operation import Operation
from understudy.domain.requests import ModelsRequest
from understudy.domain.responses import ModelInfo
from understudy.wire.http import HttpRequest, origin_of
from understudy.wire.json import BadJson, convert, decode_as, decode_object

COLLECTION = "language-models"

_PAGE: msgspec.json.Decoder[PageWire] = msgspec.json.Decoder(PageWire)


def open_models(request: ModelsRequest, endpoint: Endpoint) -> Series[ModelInfo]:
    """Open the list, page by page, or the look-up of one model or of one version of it."""
    refused = partial(classify, endpoint=endpoint, rules=RULES, read=decode_error, operation=Operation.MODELS)
    if request.model is not None:
        place = place_of(request.model)
        first = HttpRequest("GET", model_url(endpoint, place), endpoint.headers)
        name = request.model if place.version else None
        return Series(first, lambda data: [decode_model(decode_object(data), name)], refused)

    def ask(_: int, following: str | None) -> HttpRequest:
        if following is None:
            return HttpRequest("GET", f"{endpoint.base_url}/v1/collections/{COLLECTION}", endpoint.headers)
        try:
            url = urljoin(f"{endpoint.base_url}/", following)
            origin = origin_of(url)
        except ValueError as error:
            raise BadJson(f"the URL of the next page is invalid: {error}") from error
        if origin != endpoint.server:
            raise BadJson("the URL of the next page has another host")
        return HttpRequest("GET", url, endpoint.headers)

    return open_pages(request, ask, _read_page, decode_model, refused)


def _read_page(data: bytes) -> tuple[list[JsonObject], str | None]:
    page = decode_as(_PAGE, data)
    items = page.models if page.models is not None else page.results
    if items is None:
        raise BadJson("the body is neither a collection nor a page of models")
    return items, page.next


def decode_model(item: JsonObject, name: str | None = None) -> ModelInfo:
    """Decode one model, or a version of the model `name`. Raises `BadJson`."""
    if name is not None:
        return ModelInfo(id=name, capabilities=_capabilities(schema_of(item, of_version=True)), raw=item)
    model = convert(item, ModelWire)
    return ModelInfo(
        id="/".join(filter(None, (model.owner, model.name))),
        owned_by=model.owner,
        created=seconds(model.created_at),
        capabilities=_capabilities(schema_of(item, of_version=False)),
        raw=item,
    )


def _capabilities(schema: InputSchema) -> frozenset[str] | None:
    """Return the capabilities according to the inputs; `None` if the model does not describe them."""
    if schema.properties is None:
        return None
    inputs = {"chat": ("prompt", "messages"), "vision": IMAGES, "thinking": ("reasoning_effort", *BUDGETS, *SWITCHES)}
    found = frozenset(name for name, keys in inputs.items() if schema.first(*keys) is not None)
    return frozenset() if schema.writes_files or "chat" not in found else found
