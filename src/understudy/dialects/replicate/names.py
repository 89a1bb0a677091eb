"""Parses a model's name, and returns its URLs."""

from __future__ import annotations

import re
from urllib.parse import urljoin, urlsplit

import msgspec

from understudy.dialects.addresses import in_path
from understudy.dialects.base import Endpoint
from understudy.dialects.replicate.schema import InputSchema

_VERSION = re.compile(r"[0-9a-f]{64}")

_STREAMS = re.compile(r"stream[a-z0-9-]*(?:\.[a-z0-9-]+)*\.replicate\.(?:com|net)", re.I)
"""Hosts of streams, according to Replicate's documentation of streaming."""


class Place(msgspec.Struct, frozen=True):
    """`owner/name`, `owner/name:version`, or a version alone."""

    model: str | None
    version: str | None = None


def place_of(name: str) -> Place:
    """Parse a model's name."""
    if _VERSION.fullmatch(name):
        return Place(None, name)
    model, _, version = name.rpartition(":")
    return Place(model, version) if _VERSION.fullmatch(version) else Place(name)


def model_url(endpoint: Endpoint, place: Place) -> str:
    """Return the URL of the description of a model or of one version of it."""
    url = f"{endpoint.base_url}/v1/models/{in_path(place.model or '', slashes=True)}"
    return f"{url}/versions/{place.version}" if place.version else url


def create_route(place: Place, schema: InputSchema) -> tuple[str, str | None]:
    """Return the path at which predictions of a model are created, and the version that the body must name.

    Official models run by name; all others by version, the latest unless the name has one.
    """
    if place.version is None and (schema.official or schema.version is None):
        return f"/v1/models/{in_path(place.model or '', slashes=True)}/predictions", None
    return "/v1/predictions", place.version or schema.version


def stream_address(endpoint: Endpoint, url: str) -> tuple[str, bool] | None:
    """Return the full URL of a stream, and whether the key may be sent there: only to the API's own origin, because the
    URLs of streams are secrets by themselves.

    `None` for any other URL: an untrusted service must not choose which hosts are contacted.
    """
    home = urlsplit(endpoint.base_url)
    try:
        address = urljoin(f"{endpoint.base_url}/", url)
        split = urlsplit(address)
        port = split.port
    except ValueError:
        return None
    if not address.isprintable() or "\\" in address or "@" in split.netloc:
        return None
    if (split.scheme, split.netloc) == (home.scheme, home.netloc):
        return address, True
    documented = split.scheme == "https" and port in (None, 443) and _STREAMS.fullmatch(split.hostname or "")
    return (address, False) if documented else None
