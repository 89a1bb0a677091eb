"""Images, documents and cache marks of the Messages API."""

from __future__ import annotations

from collections.abc import Iterator

from understudy.domain.content import JsonObject
from understudy.emulator.cast.base import CheckedRequest, Words
from understudy.emulator.examiners.anthropic_reading import (
    content_blocks,
    invalid,
    message_blocks,
    system_blocks,
)
from understudy.emulator.examiners.file_types import decoded, file_type

MOST_MARKS = 4


def _sources(request: CheckedRequest) -> Iterator[tuple[str, str, JsonObject]]:
    """Yield the type of each medium, the path of its source, and the source."""
    for _, block in message_blocks(request):
        if block.type in ("image", "document"):
            source = block.body["source"]
            yield block.type, f"{block.path}.{block.type}.source", source
            if source["type"] == "content":
                for inner in content_blocks(source["content"], f"{block.path}.document.source.content.content"):
                    if inner.type == "image":
                        yield "image", f"{inner.path}.image.source", inner.body["source"]


def urls(request: CheckedRequest) -> Words | None:
    """Refuse an address that is not on the web, such as a data URL."""
    for _, path, source in _sources(request):
        if source["type"] == "url" and not source["url"].startswith(("https://", "http://")):
            return invalid(f"{path}.url.url", "Only HTTPS URLs are supported.")
    return None


def base64_data(request: CheckedRequest) -> Words | None:
    """Refuse data that is empty or not base64."""
    for kind, path, source in _sources(request):
        if source["type"] != "base64":
            continue
        if not source["data"]:
            return invalid(f"{path}.base64", f"{kind} cannot be empty")
        if decoded(source["data"]) is None:
            return invalid(f"{path}.base64", "invalid base64 data")
    return None


def bytes_of_type(request: CheckedRequest) -> Words | None:
    """Refuse bytes that are not of the declared type."""
    for kind, path, source in _sources(request):
        if source["type"] != "base64":
            continue
        said, found = source["media_type"], file_type(decoded(source["data"]) or b"")
        if found == said:
            continue
        if kind == "document":
            return invalid(f"{path}.base64.data", "The PDF specified was not valid.")
        if found is None:
            return invalid(f"{path}.base64.data", "The image specified was not valid")
        words = f"The image was specified using the {said} media type, but the image appears to be a {found} image"
        return invalid(f"{path}.base64", words)
    return None


def _marks(request: CheckedRequest) -> Iterator[tuple[str, JsonObject | None]]:
    """Yield the cache marks with their paths in the order in which the service processes them."""
    for at, tool in enumerate(request.body.get("tools", ())):
        yield f"tools.{at}.{tool.get('type') or 'custom'}", tool.get("cache_control")
    for block in system_blocks(request):
        yield block.path, block.body.get("cache_control")
    for _, block in message_blocks(request):
        yield block.path, block.body.get("cache_control")
    yield "", request.body.get("cache_control")


def cache_marks(request: CheckedRequest) -> Words | None:
    """Refuse too many cache marks."""
    found = sum(1 for _, mark in _marks(request) if mark)
    if found <= MOST_MARKS:
        return None
    words = f"A maximum of {MOST_MARKS} blocks with cache_control may be provided. Found {found}."
    return invalid("", words)


def cache_order(request: CheckedRequest) -> Words | None:
    """Refuse a mark for an hour after one for five minutes."""
    short = False
    for path, mark in _marks(request):
        if not mark:
            continue
        if mark.get("ttl", "5m") == "5m":
            short = True
        elif short:
            words = (
                "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. Note that blocks "
                "are processed in the following order: `tools`, `system`, `messages`."
            )
            return invalid(f"{path}.cache_control.ttl" if path else "cache_control.ttl", words)
    return None
