"""A model's name, taken apart, and the addresses that it has."""

from __future__ import annotations

import re
from urllib.parse import quote, urljoin, urlsplit

import msgspec

from understudy.dialects.base import Endpoint
from understudy.dialects.replicate.schema import InputSchema

_VERSION = re.compile(r"[0-9a-f]{64}")


class Place(msgspec.Struct, frozen=True):
    """`owner/name`, `owner/name:version`, or a version alone."""

    model: str | None
    version: str | None = None


def place_of(name: str) -> Place:
    """Take a model's name apart."""
    if _VERSION.fullmatch(name):
        return Place(None, name)
    model, _, version = name.rpartition(":")
    return Place(model, version) if _VERSION.fullmatch(version) else Place(name)


def model_url(endpoint: Endpoint, place: Place) -> str:
    """Return where a model, or one version of it, describes itself."""
    url = f"{endpoint.base_url}/v1/models/{quote(place.model or '')}"
    return f"{url}/versions/{quote(place.version)}" if place.version else url


def create_route(place: Place, schema: InputSchema) -> tuple[str, str | None]:
    """Return the path at which predictions of a model are made, and the version that the body must name.

    Official models run by name; of all others a version is run, the latest unless the name says which.
    """
    if place.version is None and (schema.official or schema.version is None):
        return f"/v1/models/{quote(place.model or '')}/predictions", None
    return "/v1/predictions", place.version or schema.version


def stream_address(endpoint: Endpoint, url: str) -> tuple[str, bool] | None:
    """Return the full address of a stream, and whether the key may go there: only to the API's own origin, because
    the addresses of streams are secrets by themselves. `None` when it is no address that we would go to."""
    address = urljoin(f"{endpoint.base_url}/", url)
    home = urlsplit(endpoint.base_url)
    split = urlsplit(address)
    if (split.scheme, split.netloc) == (home.scheme, home.netloc):
        return address, True
    return (address, False) if split.scheme == "https" and split.netloc else None
