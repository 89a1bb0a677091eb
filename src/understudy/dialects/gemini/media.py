"""Media in this API's two forms, bytes and files by URL, and the parts that hold them."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from understudy.domain.content import Audio, File, Image, JsonObject

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

SUFFIXES: Mapping[str, str] = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "gif": "image/gif",
    "heic": "image/heic",
    "heif": "image/heif",
    "pdf": "application/pdf",
    "txt": "text/plain",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "mov": "video/quicktime",
    "wav": "audio/wav",
    "mp3": "audio/mp3",
}
"""File extensions of URLs to media types, if nothing else determines the type."""

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
    """Return the media type of a part: its own, or the one of its format or URL."""
    if part.media_type is not None:
        return part.media_type
    if isinstance(part, Audio) and part.format is not None:
        return next((kind for kind, form in AUDIO_FORMATS.items() if form == part.format), f"audio/{part.format}")
    return SUFFIXES.get(urlsplit(part.url).path.rpartition(".")[2].lower()) if part.url else None
