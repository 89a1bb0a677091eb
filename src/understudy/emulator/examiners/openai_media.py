"""Images, audio and files within OpenAI's requests: data URLs are base64, and the bytes are of a supported format."""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Callable, Collection

from understudy.domain.content import Json
from understudy.emulator.cast.base import Words
from understudy.emulator.examiners import openai_words as say
from understudy.emulator.examiners.openai_shapes import Shape

_IMAGES = frozenset({"image/png", "image/jpeg", "image/jpg", "image/gif", "image/webp"})
PDF = frozenset({"application/pdf"})
DOCUMENTS = PDF | {
    "application/csv", "application/graphql", "application/javascript", "application/json", "application/json5",
    "application/msword", "application/rtf", "application/toml", "application/typescript",
    "application/vnd.apple.iwork", "application/vnd.apple.keynote", "application/vnd.apple.pages",
    "application/vnd.google-apps.document", "application/vnd.google-apps.presentation",
    "application/vnd.google-apps.spreadsheet", "application/vnd.ms-excel", "application/vnd.ms-powerpoint",
    "application/vnd.oasis.opendocument.text",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/x-ndjson", "application/x-protobuf", "application/x-sql", "application/x-subrip",
    "application/x-yaml", "application/yaml", "message/rfc822", "text/calendar", "text/css", "text/csv", "text/html",
    "text/javascript", "text/markdown", "text/plain", "text/rtf", "text/srt", "text/tsv", "text/vtt", "text/xml",
}  # fmt: skip
"""Media types of files that Responses accept; of source code, every `text/x-…` is accepted here."""

_DATA_URL = re.compile(r"data:([^;,]*)((?:;[^;,]+)*?)(;base64)?,(.*)", re.DOTALL | re.IGNORECASE)
_IMAGE_EXAMPLE = "an image MIME type (e.g. 'data:image/png;base64,aW1nIGJ5dGVzIGhlcmU=')"
_FILE_EXAMPLE = "an application/pdf MIME type (e.g. 'data:application/pdf;base64,SGVsbG8sIFdvcmxkIQ==')"


def image_url(value: Json, where: str) -> Words | None:
    """Accept the URL of an image, or a data URL that holds one."""
    if not isinstance(value, str):
        return say.wrong_type(where, "a string", value)
    if value.lower().startswith(("http://", "https://")):
        return None
    if not value.lower().startswith("data:"):
        message = f"Invalid '{where}'. Expected a valid URL, but got a value with an invalid format."
        return say.refuse(message, where, "invalid_value")
    content = _content(value, where, _IMAGE_EXAMPLE, _IMAGES.__contains__)
    if isinstance(content, Words):
        return content
    if not _is_image(content):
        formats = "['png', 'jpeg', 'gif', 'webp']"
        message = "You uploaded an unsupported image. Please make sure your image has of one the following formats"
        return say.refuse(f"{message}: {formats}.", None, "invalid_image_format")
    return None


def file_data(types: Collection[str]) -> Shape:
    """Return the shape of a data URL with a file of one of the media types."""

    def is_supported(media_type: str) -> bool:
        return media_type in types or (types is DOCUMENTS and media_type.startswith("text/x-"))

    def check(value: Json, where: str) -> Words | None:
        if not isinstance(value, str):
            return say.wrong_type(where, "a string", value)
        if not value.lower().startswith("data:"):
            return _invalid(where, _FILE_EXAMPLE, "a value without the 'data:' prefix")
        content = _content(value, where, _FILE_EXAMPLE, is_supported)
        if isinstance(content, Words):
            return content
        if value.lower().startswith("data:application/pdf") and b"%PDF-" not in content[:1024]:
            return _invalid(where, _FILE_EXAMPLE, "a file that is not a PDF")
        return None

    return check


def audio(value: Json, where: str, container: Json) -> Words | None:
    """Accept base64 of a WAV or MP3 file, whichever `container` names."""
    if not isinstance(value, str):
        return say.wrong_type(where, "a string", value)
    content = _decoded(value)
    is_valid = {"wav": _is_wav, "mp3": _is_mp3}.get(str(container))
    if content is None or (is_valid is not None and not is_valid(content)):
        message = f"The data provided for 'input_audio' is not of valid {container} format."
        return say.refuse(message, where, "invalid_value")
    return None


def _content(url: str, where: str, example: str, is_supported: Callable[[str], bool]) -> bytes | Words:
    found = _DATA_URL.fullmatch(url)
    if found is None or found[3] is None:
        return _invalid(where, example, "a value without the ';base64' separator")
    if not is_supported(media_type := found[1].lower()):
        return _invalid(where, example, f"unsupported MIME type '{media_type}'")
    if not found[4]:
        return _invalid(where, example, "empty base64-encoded bytes")
    content = _decoded(found[4])
    return _invalid(where, example, "an invalid base64-encoded value") if content is None else content


def _invalid(where: str, example: str, got: str) -> Words:
    message = f"Invalid '{where}'. Expected a base64-encoded data URL with {example}, but got {got}."
    return say.refuse(message, where, "invalid_value")


def _decoded(text: str) -> bytes | None:
    try:
        return b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def _is_image(content: bytes) -> bool:
    beginnings = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a")
    return content.startswith(beginnings) or (content.startswith(b"RIFF") and content[8:12] == b"WEBP")


def _is_wav(content: bytes) -> bool:
    return content.startswith(b"RIFF") and content[8:12] == b"WAVE"


def _is_mp3(content: bytes) -> bool:
    return content.startswith(b"ID3") or (len(content) > 1 and content[0] == 0xFF and content[1] & 0xE0 == 0xE0)
