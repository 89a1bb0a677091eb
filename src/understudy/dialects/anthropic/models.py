"""The model catalogue: `GET /v1/models` over its pages, and `GET /v1/models/{id}`."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import urlencode

import msgspec

from understudy.dialects.addresses import in_path
from understudy.dialects.anthropic.wire import CAPABILITIES, ModelItem, ModelPage
from understudy.dialects.base import Classify, Endpoint, Exchange, SingleExchange, WholeReader
from understudy.dialects.lookup import LookUp
from understudy.dialects.pages import open_pages
from understudy.dialects.windows import window_of
from understudy.domain.content import JsonObject
from understudy.domain.failures import Failure
from understudy.domain.requests import ModelsRequest
from understudy.domain.responses import ModelInfo
from understudy.domain.usage import token_count
from understudy.wire.http import HttpRequest
from understudy.wire.json import BadJson, decode_as, decode_object

_PAGE: msgspec.json.Decoder[ModelPage] = msgspec.json.Decoder(ModelPage)


def decode_model(item: JsonObject) -> ModelInfo:
    """Decode one model. Raise `BadJson` if it is invalid."""
    try:
        model = msgspec.convert(item, ModelItem)
    except msgspec.ValidationError as error:
        raise BadJson(str(error)) from error
    return ModelInfo(
        id=model.id,
        display_name=model.display_name,
        created=_seconds(model.created_at),
        context_window=window_of(item),
        max_output_tokens=token_count(model.max_tokens),
        capabilities=_capabilities(model.capabilities),
        lacks=frozenset(_features_of(model.capabilities or {}, supported=False)),
        raw=item,
    )


def decode_single(data: bytes) -> list[ModelInfo | Failure]:
    """Decode the body of a look-up."""
    return [decode_model(decode_object(data))]


def open_models(request: ModelsRequest, endpoint: Endpoint, classify: Classify) -> Exchange[ModelInfo]:
    """Open the catalogue over all its pages, or the look-up of one model."""
    home = f"{endpoint.base_url}/v1/models"
    if request.model is not None:
        wanted = HttpRequest("GET", f"{home}/{in_path(request.model)}", endpoint.headers)
        single = SingleExchange(wanted, WholeReader(decode_single), classify)
        return LookUp(single, lambda: open_models(ModelsRequest(), endpoint, classify), request.model)

    def ask(size: int, after: str | None) -> HttpRequest:
        query = {"limit": str(size), **({"after_id": after} if after else {})}
        return HttpRequest("GET", f"{home}?{urlencode(query)}", endpoint.headers)

    return open_pages(request, ask, _read_page, decode_model, classify)


def _read_page(data: bytes) -> tuple[list[JsonObject], str | None]:
    page = decode_as(_PAGE, data)
    return page.data, page.last_id if page.has_more else None


def _capabilities(raw: JsonObject | None) -> frozenset[str] | None:
    """Return what a model supports: all chat and call tools, the catalogue states the rest."""
    if raw is None:
        return None
    return frozenset({"chat", "tools"} | _features_of(raw, supported=True))


def _features_of(raw: JsonObject, *, supported: bool) -> set[str]:
    """Return the features that are stated as supported, or as not supported."""
    return {
        ours
        for theirs, ours in CAPABILITIES.items()
        if isinstance(value := raw.get(theirs), dict) and value.get("supported") is supported
    }


def _seconds(date: str | None) -> float | None:
    """Unix seconds of an RFC 3339 date; the service writes the epoch for an unknown one."""
    try:
        when = datetime.fromisoformat(date) if date else None
    except ValueError:
        return None
    if when is None:
        return None
    seconds = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    return seconds if seconds > 0 else None
