"""Media in the Gemini API: inline data and files."""

from __future__ import annotations

from collections.abc import Iterator

from understudy.domain.content import JsonObject
from understudy.emulator.cast.base import Words
from understudy.emulator.examiners.file_types import decoded, file_type
from understudy.emulator.examiners.gemini_reading import Body, at_field, invalid

_IMAGES = frozenset({"image/png", "image/jpeg", "image/webp", "image/heic", "image/heif"})
_APPLICATIONS = frozenset(
    {
        "application/pdf",
        "application/json",
        "application/x-javascript",
        "application/x-python",
        "application/x-python-code",
        "application/x-typescript",
        "application/rtf",
        "application/x-ipynb+json",
    }
)
_SCHEMES = ("https://", "http://", "gs://")


def _media(body: Body, field: str, snake: str) -> Iterator[tuple[str, JsonObject]]:
    """Yield the media of a kind with their paths, those in responses of functions included."""
    for path, part in body.parts():
        if field in part:
            yield f"{path}.{snake}", part[field]
        for n, inner in enumerate(part.get("functionResponse", {}).get("parts", [])):
            if field in inner:
                yield f"{path}.function_response.parts[{n}].{snake}", inner[field]


def mime_types(body: Body) -> Words | None:
    """Refuse data without a media type, or of one that no model reads."""
    for path, blob in _media(body, "inlineData", "inline_data"):
        given = blob.get("mimeType", "").partition(";")[0]
        if not given:
            return at_field(f"{path}.mime_type", "mime_type must not be empty")
        kind = given.partition("/")[0]
        if kind not in ("audio", "video", "text") and given not in _IMAGES | _APPLICATIONS:
            return invalid(f"Unsupported MIME type: {given}")
    return None


def bytes_of_type(body: Body) -> Words | None:
    """Refuse data that is empty, or images and documents that are none."""
    for path, blob in _media(body, "inlineData", "inline_data"):
        data = blob.get("data", "")
        content = decoded(data.replace("-", "+").replace("_", "/") + "=" * (-len(data) % 4)) or b""
        if not content:
            return at_field(f"{path}.data", "data must not be empty")
        given, found = blob.get("mimeType", ""), file_type(content)
        if given.startswith("image/") and (found is None or not found.startswith("image/")):
            return invalid("Provided image is not valid.")
        if given == "application/pdf" and found != given:
            return invalid("The document has no pages.")
    return None


def file_addresses(body: Body) -> Words | None:
    """Refuse a file without an address, or with one that is not on the web."""
    for path, file in _media(body, "fileData", "file_data"):
        address = file.get("fileUri", "")
        if not address:
            return at_field(f"{path}.file_uri", "file_uri must not be empty")
        if not address.startswith(_SCHEMES):
            return invalid(f"Invalid or unsupported file uri: {address[:80]}")
    return None
