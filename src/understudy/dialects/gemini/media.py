"""Media in this API's two forms, bytes and files by URL, and the parts that hold them."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from understudy.domain.content import Audio, File, Image, JsonObject
from understudy.domain.media_types import canonical_type, type_of_name

AUDIO_FORMATS: Mapping[str, str] = {
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/mp3": "mp3",
    "audio/mpeg": "mp3",
    "audio/flac": "flac",
    "audio/aac": "aac",
    "audio/ogg": "ogg",
}
"""Media types of audio to short names. The first type of a name is the one that is written."""

ACCEPTED = frozenset(
    {
        *(f"image/{name}" for name in ("png", "jpeg", "webp", "heic", "heif")),
        *(f"audio/{name}" for name in ("wav", "mpeg", "mp4", "aiff", "aac", "ogg", "flac", "webm")),
        *(f"video/{name}" for name in ("mp4", "mpeg", "quicktime", "x-msvideo", "x-flv", "webm", "wmv", "3gpp")),
        "application/pdf",
        *(f"text/{name}" for name in ("plain", "html", "css", "csv", "xml", "rtf", "javascript", "markdown")),
        *("application/json", "application/rtf"),
    }
)
"""Media types that Gemini reads as bytes; GIF is not one of them. Source: ai.google.dev, the pages on understanding
images, audio, video and documents (2026-11)."""

_OTHER_ALPHABET = str.maketrans("-_", "+/")


def read_media(
    media_type: str | None,
    *,
    data: str | None = None,
    url: str | None = None,
    extra: dict[str, JsonObject] | None = None,
) -> Image | Audio | File:
    """Return media as the part of its kind; video and documents are files."""
    if data is not None and ("-" in data or "_" in data):
        # Both alphabets of base64 are accepted here, elsewhere only one.
        data = data.translate(_OTHER_ALPHABET)
    kind = (media_type or "").partition("/")[0]
    if kind == "image":
        return Image(data=data, url=url, media_type=media_type, extra=extra)
    if kind == "audio":
        form = AUDIO_FORMATS.get(media_type or "")
        return Audio(data=data, url=url, media_type=media_type, format=form, extra=extra)
    return File(data=data, url=url, media_type=media_type or None, extra=extra)


def media_type_of(part: Image | Audio | File) -> str | None:
    """Return the media type of a part as Google spells it: its own, or the one of its format, name or URL."""
    kind = part.media_type
    if kind is None and isinstance(part, Audio) and part.format is not None:
        kind = canonical_type(part.format)
    if kind is None:
        names = (part.name or "", _path_of(part.url or ""))
        kind = next((found for name in names if (found := type_of_name(name)) is not None), None)
    return _SPELLINGS.get(kind, kind) if kind is not None else None


def _path_of(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:
        return ""  # an invalid address names no type


_SPELLINGS = {"audio/mpeg": "audio/mp3", "video/x-msvideo": "video/avi"}
"""Where Google's documents spell a type otherwise."""
