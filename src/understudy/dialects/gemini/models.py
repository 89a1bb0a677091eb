"""The model catalogue: `GET /v1beta/models` over its pages, and `GET /v1beta/models/{name}`."""

from __future__ import annotations

from functools import partial
from urllib.parse import urlencode

import msgspec

from understudy.dialects.base import Endpoint, Exchange, Send, SingleExchange, WholeReader
from understudy.dialects.errors import classify
from understudy.dialects.gemini.errors import RULES, read_error
from understudy.dialects.gemini.names import bare, model_url
from understudy.dialects.gemini.wire import VERSION, ModelItem, ModelPage
from understudy.dialects.series import Series
from understudy.domain.content import JsonObject
from understudy.domain.failures import Failure
from understudy.domain.requests import ModelsRequest
from understudy.domain.responses import ModelInfo
from understudy.domain.usage import token_count
from understudy.wire.http import HttpRequest
from understudy.wire.json import BadJson, decode_as, decode_object

PAGE = 1000
"""Models per page; the service takes no more."""

MAX_PAGES = 50
"""Against a catalogue that never ends."""

METHODS = {"generateContent": "chat", "embedContent": "embed", "batchEmbedContents": "embed"}
"""What the service says a model can do, in this library's words. It tells nothing of tools, images or schemas."""

_PAGE: msgspec.json.Decoder[ModelPage] = msgspec.json.Decoder(ModelPage)


def model_list(request: ModelsRequest, endpoint: Endpoint) -> Exchange[ModelInfo]:
    """Open the catalogue, or the look-up of one model."""
    classifying = partial(classify, endpoint=endpoint, rules=RULES, read=read_error)
    if request.model is not None:
        wanted = HttpRequest("GET", model_url(endpoint, request.model), endpoint.headers)
        return SingleExchange(wanted, WholeReader(_decode_model), classifying)
    pages = _Pages(request, endpoint)
    return Series(pages.send(), pages.take, classifying)


def read_model(item: JsonObject) -> ModelInfo:
    """Read one model. Raises `BadJson` when it is none."""
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


def _decode_model(data: bytes) -> list[ModelInfo | Failure]:
    return [read_model(decode_object(data))]


def _capabilities(model: ModelItem) -> frozenset[str] | None:
    if model.supported_generation_methods is None:
        return None
    told = {METHODS[method] for method in model.supported_generation_methods if method in METHODS}
    return frozenset(told | {"thinking"} if model.thinking else told)


class _Pages:
    """Reads page after page until the catalogue, or the limit, ends."""

    def __init__(self, request: ModelsRequest, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._left = request.limit
        self._token = request.after
        self._pages = 0

    def send(self) -> HttpRequest:
        """Return the request of the next page."""
        self._pages += 1
        query = {"pageSize": str(PAGE if self._left is None else max(1, min(self._left, PAGE)))}
        if self._token:
            query["pageToken"] = self._token
        url = f"{self._endpoint.base_url}/{VERSION}/models?{urlencode(query)}"
        return HttpRequest("GET", url, self._endpoint.headers)

    def take(self, data: bytes) -> list[ModelInfo | Send | Failure]:
        """Hand out the models of a page, and ask for the next if there is one. Raises `BadJson`."""
        page = decode_as(_PAGE, data)
        models: list[ModelInfo | Send | Failure] = [read_model(item) for item in page.models[: self._left]]
        if self._left is not None:
            self._left -= len(models)
        last, self._token = self._token, page.next_page_token
        if self._token and self._token != last and self._left != 0 and self._pages < MAX_PAGES:
            models.append(Send(self.send()))
        return models
