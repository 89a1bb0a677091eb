"""A list of models at an address of its own, with the look-up of one model below it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlencode

import msgspec

from understudy.dialects.addresses import in_path
from understudy.dialects.base import Classify, Endpoint, Exchange, SingleExchange, WholeReader
from understudy.dialects.lookup import LookUp
from understudy.dialects.pages import Read, open_pages
from understudy.domain.content import JsonObject
from understudy.domain.requests import ModelsRequest
from understudy.domain.responses import ModelInfo
from understudy.wire.http import HttpRequest
from understudy.wire.json import decode_object


class Catalog(msgspec.Struct, frozen=True):
    """How a service lists its models: where, under which query parameters, and how its answers are decoded."""

    path: str
    size: str
    cursor: str
    read_page: Read
    read_model: Callable[[JsonObject], ModelInfo]


def open_catalog(
    catalog: Catalog, request: ModelsRequest, endpoint: Endpoint, classify: Classify, single_url: str | None = None
) -> Exchange[ModelInfo]:
    """Open the list over all its pages, or the look-up of one model (at `single_url`, or below the list)."""
    home = f"{endpoint.base_url}/{catalog.path}"
    if request.model is not None:
        wanted = HttpRequest("GET", single_url or f"{home}/{in_path(request.model)}", endpoint.headers)
        reader = WholeReader(lambda data: [catalog.read_model(decode_object(data))])
        single = SingleExchange(wanted, reader, classify)
        return LookUp(single, lambda: open_catalog(catalog, ModelsRequest(), endpoint, classify), request.model)

    def ask(size: int, cursor: str | None) -> HttpRequest:
        query = {catalog.size: str(size), **({catalog.cursor: cursor} if cursor else {})}
        return HttpRequest("GET", f"{home}?{urlencode(query)}", endpoint.headers)

    return open_pages(request, ask, catalog.read_page, catalog.read_model, classify)


def capabilities_of(names: object, known: Mapping[str, str]) -> tuple[frozenset[str] | None, frozenset[str]]:
    """Return what a list of a service's names for capabilities states, and what it lacks, in this library's words.

    Anything but a list leaves both unknown.
    """
    if not isinstance(names, list):
        return None, frozenset()
    found = frozenset(known[name] for name in names if isinstance(name, str) and name in known)
    return found, frozenset(known.values()) - found
