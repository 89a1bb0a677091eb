"""The model list: `GET /v1/models` over its pages, and `GET /v1/models/{model}`."""

from __future__ import annotations

from urllib.parse import quote, urlencode

import msgspec

from understudy.dialects.base import Classify, Endpoint, Exchange, Send, SingleExchange, WholeReader
from understudy.dialects.cohere.wire import ModelPage
from understudy.dialects.series import Series
from understudy.domain.content import JsonObject
from understudy.domain.failures import Failure
from understudy.domain.requests import ModelsRequest
from understudy.domain.responses import ModelInfo
from understudy.domain.usage import token_count
from understudy.wire.http import HttpRequest
from understudy.wire.json import BadJson, decode_as, decode_object

PAGE = 1000
"""Models per page; the service takes 1 to 1000."""

MAX_PAGES = 50
"""Against a list that never ends."""

FEATURES = {
    "tools": "tools",
    "vision": "vision",
    "reasoning": "thinking",
    "json_schema": "structured_output",
}
"""What the service calls features, in this library's words."""

_PAGE: msgspec.json.Decoder[ModelPage] = msgspec.json.Decoder(ModelPage)


def open_models(request: ModelsRequest, endpoint: Endpoint, classify: Classify) -> Exchange[ModelInfo]:
    """Open the list over all its pages, or the look-up of one model."""
    if request.model is not None:
        url = f"{endpoint.base_url}/v1/models/{quote(request.model, safe='')}"
        return SingleExchange(HttpRequest("GET", url, endpoint.headers), WholeReader(read_one), classify)
    pages = _Pages(request, endpoint)
    return Series(pages.ask(request.after), pages.take, classify)


class _Pages:
    """Asks for page after page until the list, or the limit, ends."""

    def __init__(self, request: ModelsRequest, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._left = request.limit
        self._asked = 0
        self._token: str | None = None

    def ask(self, token: str | None) -> HttpRequest:
        """Return the request of the page that a token names, of the first without one."""
        self._asked += 1
        self._token = token
        query = {"page_size": str(PAGE if self._left is None else max(1, min(self._left, PAGE)))}
        if token:
            query["page_token"] = token
        return HttpRequest("GET", f"{self._endpoint.base_url}/v1/models?{urlencode(query)}", self._endpoint.headers)

    def take(self, data: bytes) -> list[ModelInfo | Send | Failure]:
        """Take a page. Raises `BadJson`."""
        page = decode_as(_PAGE, data)
        models = [read_model(item) for item in page.models[: self._left]]
        if self._left is not None:
            self._left -= len(models)
        token = page.next_page_token
        if not token or token == self._token or self._left == 0 or self._asked == MAX_PAGES:
            return [*models]
        return [*models, Send(self.ask(token))]


def read_one(data: bytes) -> list[ModelInfo | Failure]:
    """Read the body of a look-up. Raises `BadJson` when it is no model."""
    return [read_model(decode_object(data))]


def read_model(item: JsonObject) -> ModelInfo:
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
